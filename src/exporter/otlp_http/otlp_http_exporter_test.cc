#include "exporter/otlp_http/otlp_http_exporter.h"

#include "config/yaml.h"
#include "exporter/otlp_http/factory.h"
#include "net/http/scripted_peer.h"
#include "net/tls/test_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::exporter::otlp_http {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;
using std::chrono::seconds;
using testing::HasSubstr;

std::string Problems(const std::string& yaml) {
  config::Errors errors;
  const auto node = config::ParseYaml(yaml, "test.yaml");
  EXPECT_TRUE(node.ok());
  (void)Factory().info.config.decode(*node, "exporters::otlp_http", errors);
  return errors.ToString();
}

TEST(OtlpHttpConfigTest, ChecksEndpoints) {
  EXPECT_THAT(Problems("{}"), HasSubstr("at least one endpoint must be specified"));
  EXPECT_THAT(Problems("endpoint: backend:4318"), HasSubstr("endpoint must be a valid URL"));
  EXPECT_THAT(Problems("{endpoint: 'http://h', encoding: xml}"), HasSubstr("encoding"));
  EXPECT_EQ(Problems("{endpoint: 'http://h', timeout: 5s, sending_queue: {enabled: false}}"), "");
  EXPECT_EQ(Problems("{logs_endpoint: 'https://h/l'}"), "");
}

TEST(OtlpHttpConfigTest, TheTimeoutIsThirtySeconds) {
  config::Errors errors;
  const auto decoded = Factory().info.config.decode(
      config::ParseYaml("endpoint: http://h", "t").value(), "x", errors);
  EXPECT_EQ(Factory().delivery(*decoded).timeout, seconds(30));
}

class OtlpHttpExporterTest : public testing::Test {
 protected:
  void Open(Config config) {
    exporter_ = std::make_unique<OtlpHttpExporter>(
        pipeline::Settings{{"otlp_http", ""}, {}, registry_, workers_}, std::move(config));
    ASSERT_TRUE(exporter_->Start().ok());
    transport_ = exporter_->CreateTransport(otlp::Signal::kTraces, worker_, seconds(1));
    ASSERT_NE(transport_, nullptr);
    transport_->Start();
  }
  void Attempt(std::string_view text) {
    otlp::Batch batch;
    batch.items = 1;
    batch.body = Rope::CopyOf(text);
    batch.raw_size = text.size();
    transport_->Attempt(batch, seconds(5),
                        [this](AttemptResult result) { results_.push_back(std::move(result)); });
  }
  bool UntilResults(size_t count) {
    return worker_.RunUntil([this, count] { return results_.size() >= count; }, seconds(5));
  }

  telemetry::Registry registry_;
  net::Worker worker_;
  const std::vector<net::Worker*> workers_ = {&worker_};
  std::unique_ptr<OtlpHttpExporter> exporter_;
  std::unique_ptr<sending::Transport> transport_;
  std::vector<AttemptResult> results_;
};

TEST_F(OtlpHttpExporterTest, PostsOverHttp1AndHonoursRetryAfter) {
  net::ScriptedPeer peer(worker_, false);
  int answers = 0;
  peer.on_request = [&](net::PeerConnection& connection, int32_t) {
    connection.WriteRaw(answers++ == 0 ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
                                       : "HTTP/1.1 429 Slow Down\r\nretry-after: 3\r\n"
                                         "content-length: 0\r\n\r\n");
  };
  peer.Listen();
  Config config;
  config.endpoint = "http://127.0.0.1:" + std::to_string(peer.port());
  config.client.compression = "none";
  Open(config);
  Attempt("hello");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk) << results_[0].status.ToString();
  EXPECT_EQ(peer.connections[0]->requests[1].body, "hello");
  EXPECT_THAT(peer.connections[0]->requests[1].headers.Joined("head"),
              testing::StartsWith("POST /v1/traces HTTP/1.1"));
  Attempt("again");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(results_[1].outcome, OutcomeClass::kThrottled);
  EXPECT_EQ(results_[1].status.retry_after(), seconds(3));
  EXPECT_EQ(peer.accepted, 1);
}

TEST_F(OtlpHttpExporterTest, SpeaksHttp2WhereTlsOffersIt) {
  net::TestCa ca;
  const net::PemPair pair = ca.Issue("server", "DNS:localhost,IP:127.0.0.1");
  net::TlsServerOptions server;
  server.cert_pem = pair.cert;
  server.key_pem = pair.key;
  server.alpn = {"h2", "http/1.1"};
  net::ScriptedPeer peer(worker_, true);
  peer.tls = net::TlsServerContext::Create(server).value();
  peer.on_request = [](net::PeerConnection& connection, int32_t id) {
    connection.Respond(id, {{":status", "200"}}, "", {});
  };
  peer.Listen();
  Config config;
  config.endpoint = "https://127.0.0.1:" + std::to_string(peer.port());
  config.client.tls.common.ca_pem = config::Secret(ca.pem());
  Open(config);
  Attempt("over h2");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk) << results_[0].status.ToString();
  EXPECT_EQ(peer.connections[0]->requests[1].headers.Find(":path"), "/v1/traces");
}

TEST_F(OtlpHttpExporterTest, ASignalWithoutUrlHasNoTransport) {
  Config config;
  config.logs_endpoint = "http://127.0.0.1:1/logs";
  OtlpHttpExporter exporter({{"otlp_http", ""}, {}, registry_, workers_}, config);
  ASSERT_TRUE(exporter.Start().ok());
  EXPECT_EQ(exporter.CreateTransport(otlp::Signal::kTraces, worker_, seconds(1)), nullptr);
  EXPECT_NE(exporter.CreateTransport(otlp::Signal::kLogs, worker_, seconds(1)), nullptr);
}

}  // namespace
}  // namespace gapless::exporter::otlp_http
