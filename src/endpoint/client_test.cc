#include "endpoint/client.h"

#include "config/yaml.h"
#include "endpoint/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

using testing::HasSubstr;

template <typename C>
std::string Problems(const config::Table<C>& table, const std::string& yaml, C* out = nullptr) {
  auto node = config::ParseYaml(yaml, "test.yaml");
  EXPECT_TRUE(node.ok()) << node.status().ToString();
  C value;
  config::Errors errors;
  config::Decode(table, *node, "exporters::otlp", value, errors);
  if (errors.ok()) {
    config::Validate(table, value, *node, "exporters::otlp", errors);
  }
  if (out != nullptr) {
    *out = value;
  }
  return errors.ToString();
}

std::string Grpc(const std::string& yaml, GrpcClientConfig* out = nullptr) {
  return Problems(GrpcClientTable(), yaml, out);
}
std::string Http(const std::string& yaml, HttpClientConfig* out = nullptr) {
  return Problems(HttpClientTable(), yaml, out);
}

TEST(GrpcClientConfigTest, DefaultsAreUpstreams) {
  GrpcClientConfig config;
  EXPECT_EQ(Grpc("endpoint: h:1", &config), "");
  EXPECT_EQ(GrpcCodec(config), wire::Codec::kGzip);
  EXPECT_EQ(GrpcScheme(config), "https");
  EXPECT_EQ(GrpcAuthority(config), "h:1");
  EXPECT_FALSE(config.keepalive);
}

TEST(GrpcClientConfigTest, TlsRulesOfInsecure) {
  const struct {
    const char* yaml;
    const char* scheme;
  } cases[] = {
      {"{endpoint: 'h:1', tls: {insecure: true}}", "http"},
      {"{endpoint: 'h:1', tls: {insecure: false}}", "https"},
      {"{endpoint: 'http://h:1', tls: {insecure: true}}", "http"},
      {"{endpoint: 'https://h:1', tls: {insecure: true}}", "https"},
      {"{endpoint: 'h:1', tls: {insecure: true, ca_file: /ca.pem}}", "https"},
      {"{endpoint: 'h:1', tls: {insecure: true, ca_pem: x}}", "https"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.yaml);
    GrpcClientConfig config;
    EXPECT_EQ(Grpc(c.yaml, &config), "");
    EXPECT_EQ(GrpcScheme(config), c.scheme);
  }
}

TEST(GrpcClientConfigTest, FailsInUpstreamsWords) {
  EXPECT_THAT(Grpc("{}"), HasSubstr("requires a non-empty \"endpoint\""));
  EXPECT_THAT(Grpc("endpoint: h"), HasSubstr("missing port in address"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', compression: brotli}"),
              HasSubstr("unsupported compression type \"brotli\""));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', compression: zlib}"),
              HasSubstr("unsupported compression type \"zlib\""));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', balancer_name: x}"), HasSubstr("invalid balancer_name: x"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', tls: {cert_file: a}}"),
              HasSubstr("must include both certificate and key"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', tls: {min_version: '1.3', max_version: '1.2'}}"),
              HasSubstr("min_version cannot be greater than max_version"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', tls: {min_version: '1.7'}}"),
              HasSubstr("unsupported TLS version"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', auth: {authenticator: basicauth}}"),
              HasSubstr("authenticator \"basicauth\""));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', headers: {\"a b\": c}}"),
              HasSubstr("not a valid header name"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', headers: {a: \"c\\r\\nEvil: 1\"}}"),
              HasSubstr("cannot be sent"));
  EXPECT_THAT(Grpc("{endpoint: 'h:1', write_buffer_size: -1}"), HasSubstr("write_buffer_size"));
}

TEST(GrpcClientConfigTest, ChannelOptionsCarryTheLimits) {
  GrpcClientConfig config;
  EXPECT_EQ(Grpc("{endpoint: '127.0.0.1:4317', keepalive: {time: 1s}, wait_for_ready: true,"
                 " tls: {insecure: true}}",
                 &config),
            "");
  const auto options = GrpcChannelOptions(config, nullptr, std::chrono::seconds(2));
  EXPECT_EQ(options.target.port, 4317);
  EXPECT_EQ(options.connection.suspect_after, std::chrono::seconds(2));
  EXPECT_EQ(options.stream.tcp_user_timeout, std::chrono::seconds(3));
  EXPECT_EQ(options.connection.keepalive.time, std::chrono::seconds(10));
  EXPECT_TRUE(options.wait_for_ready);
}

TEST(HttpClientConfigTest, CompressionLevelsFollowTheCodec) {
  HttpClientConfig config;
  EXPECT_EQ(Http("{compression: gzip, compression_params: {level: 9}}", &config), "");
  EXPECT_EQ(HttpLevel(config), 9);
  EXPECT_EQ(Http("{compression: zstd, compression_params: {level: 99}}", &config), "");
  EXPECT_EQ(HttpLevel(config), 22);
  EXPECT_EQ(Http("{compression: deflate}", &config), "");
  EXPECT_EQ(HttpCodec(config), wire::Codec::kZlib);
  EXPECT_EQ(HttpLevel(config), wire::kDefaultLevel);
  EXPECT_THAT(Http("{compression: gzip, compression_params: {level: 10}}"), HasSubstr("Level:10"));
  EXPECT_THAT(Http("{compression: snappy, compression_params: {level: 3}}"), HasSubstr("snappy"));
  EXPECT_THAT(Http("{compression: identity}"), HasSubstr("unsupported compression type"));
}

TEST(HttpClientConfigTest, ReadsKeysThatOnlyTuneGo) {
  EXPECT_EQ(Http("{max_idle_conns: 5, max_idle_conns_per_host: 1, read_buffer_size: 4096,"
                 " http2_read_idle_timeout: 10s, cookies: {enabled: false}}"),
            "");
}

TEST(PayloadTest, ABatchInTheWantedCodecIsPassedOnUntouched) {
  const Rope plain = Rope::CopyOf(std::string(1000, 'p'));
  otlp::Batch batch;
  batch.codec = wire::Codec::kGzip;
  batch.body = wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, plain).value();
  batch.raw_size = plain.size();
  const auto same = EncodePayload(batch, wire::Codec::kGzip, wire::kDefaultLevel);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->slices()[0].data(), batch.body.slices()[0].data());
  EXPECT_EQ(EncodePayload(batch, wire::Codec::kIdentity, 0).value(), plain);
  const auto zstd = EncodePayload(batch, wire::Codec::kZstd, wire::kDefaultLevel);
  ASSERT_TRUE(zstd.ok());
  EXPECT_EQ(wire::Decompress(wire::Codec::kZstd, *zstd, 2000).value(), plain);
}

TEST(HttpClientConfigTest, TheLimitsOfThePoolReachTheChannel) {
  const UrlTarget target = ParseUrl("http://h:1").value();
  const auto idle = [&](const std::string& yaml) {
    HttpClientConfig config;
    EXPECT_EQ(Http(yaml, &config), "");
    return HttpChannelOptions(config, target, nullptr, std::chrono::seconds(1))
        .max_idle_connections;
  };
  EXPECT_EQ(idle("{}"), 100u);
  EXPECT_EQ(idle("{max_idle_conns: 7}"), 7u);
  EXPECT_EQ(idle("{max_idle_conns: 7, max_idle_conns_per_host: 3}"), 3u);
  EXPECT_EQ(idle("{max_idle_conns: 0, max_idle_conns_per_host: 9}"), 9u);
  EXPECT_EQ(idle("{max_idle_conns_per_host: -1}"), 0u);
}

}  // namespace
}  // namespace gapless::endpoint
