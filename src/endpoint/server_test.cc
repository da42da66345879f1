#include "endpoint/server.h"

#include "config/yaml.h"

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

template <typename C>
std::string Problems(const config::Table<C>& table, std::string_view yaml, C& value) {
  auto node = config::ParseYaml(yaml, "test.yaml");
  EXPECT_TRUE(node.ok());
  config::Errors errors;
  config::Decode(table, *node, "protocols", value, errors);
  if (errors.ok()) {
    config::Validate(table, value, *node, "protocols", errors);
  }
  return errors.ToString();
}

TEST(GrpcServerConfigTest, ReadsWhatTheCollectorReads) {
  GrpcServerConfig config;
  EXPECT_EQ(Problems(GrpcServerTable(), R"(
endpoint: 0.0.0.0:4317
max_recv_msg_size_mib: 16
max_concurrent_streams: 7
read_buffer_size: 131072
keepalive:
  server_parameters: {max_connection_age: 1m, time: 10s}
  enforcement_policy: {min_time: 30s, permit_without_stream: true}
)",
                     config),
            "");
  const auto options = MakeServerOptions(config).value();
  EXPECT_EQ(options.max_body_bytes, size_t{16} << 20);
  EXPECT_EQ(options.stream.read_buffer_bytes, size_t{131072});
  EXPECT_EQ(options.http2_options.max_concurrent_streams, 7u);
  EXPECT_EQ(options.http2_options.max_connection_age, std::chrono::minutes(1));
  EXPECT_EQ(options.http2_options.ping_after, std::chrono::seconds(10));
  EXPECT_EQ(options.http2_options.ping_timeout, std::chrono::seconds(20));
  EXPECT_EQ(options.http2_options.min_ping_interval, std::chrono::seconds(30));
  EXPECT_TRUE(options.http2_options.permit_pings_without_stream);
  EXPECT_FALSE(options.http1);
  EXPECT_GE(options.max_inflight_body_bytes, size_t{32} << 20);
  EXPECT_LE(options.max_inflight_body_bytes, size_t{512} << 20);
}

TEST(GrpcServerConfigTest, RefusesWhatCannotWork) {
  for (const auto& [yaml, expected] : std::vector<std::pair<std::string, std::string>>{
           {"endpoint: localhost", "missing port in address"},
           {"endpoint: localhost:x", "invalid port"},
           {"{endpoint: 'a:1', transport: udp}", "unsupported transport type \"udp\""},
           {"{endpoint: 'a:1', max_recv_msg_size_mib: -1}", "max_recv_msg_size_mib"},
           {"{endpoint: 'a:1', read_buffer_size: -1}", "invalid read_buffer_size"},
           {"{endpoint: 'a:1', tls: {}}", "must include both certificate and key"},
           {"{endpoint: 'a:1', tls: {cert_file: c}}", "must include both certificate and key"},
           {"{endpoint: 'a:1', auth: {authenticator: basic}}", "authenticator not found"},
           {"{endpoint: 'a:1', nonsense: 1}", "nonsense"}}) {
    GrpcServerConfig config;
    EXPECT_NE(Problems(GrpcServerTable(), yaml, config).find(expected), std::string::npos)
        << yaml << "\n"
        << Problems(GrpcServerTable(), yaml, config);
  }
}

TEST(HttpServerConfigTest, ReadsWhatTheCollectorReads) {
  HttpServerConfig config;
  EXPECT_EQ(Problems(HttpServerTable(), R"(
endpoint: localhost:4318
max_request_body_size: 1000
compression_algorithms: [gzip, ""]
cors: {allowed_origins: ["https://*.example.com"], max_age: 7200}
response_headers: {x-served-by: me}
read_timeout: 5s
idle_timeout: 1m
keep_alives_enabled: false
)",
                     config),
            "");
  EXPECT_EQ(config.cors->max_age, 7200);
  const auto options = MakeServerOptions(config).value();
  EXPECT_EQ(options.max_body_bytes, 1000u);
  EXPECT_FALSE(options.http1_options.keep_alives);
  EXPECT_EQ(options.http1_options.read_timeout, std::chrono::seconds(5));
  EXPECT_EQ(MaxBodyBytes(HttpServerConfig()), size_t{20} << 20);
}

TEST(HttpServerConfigTest, AMissingCertificateFileIsNamedAtStart) {
  HttpServerConfig config;
  config.listen.tls.enabled = true;
  config.listen.tls->common.cert_file = "/nowhere/cert.pem";
  config.listen.tls->common.key_file = "/nowhere/key.pem";
  const auto options = MakeServerOptions(config);
  ASSERT_FALSE(options.ok());
  EXPECT_NE(options.status().message().find("/nowhere/cert.pem"), std::string::npos);
}

}  // namespace
}  // namespace gapless::endpoint
