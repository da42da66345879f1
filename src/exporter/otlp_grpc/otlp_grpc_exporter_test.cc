#include "exporter/otlp_grpc/otlp_grpc_exporter.h"

#include "exporter/otlp_grpc/factory.h"
#include "net/grpc/grpc_frame.h"
#include "net/http/scripted_peer.h"

#include <gtest/gtest.h>

namespace gapless::exporter::otlp_grpc {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct News final : sending::TransportObserver {
  void OnConnected() override { ++connected; }
  void OnDialFailed(const Status&) override { ++dial_failures; }
  void OnConnectionLost(const Status&) override { ++lost; }
  int connected = 0;
  int dial_failures = 0;
  int lost = 0;
};

class OtlpGrpcExporterTest : public testing::Test {
 protected:
  void Open(uint16_t port, std::string compression = "gzip") {
    Config config;
    config.client.endpoint = "127.0.0.1:" + std::to_string(port);
    config.client.compression = std::move(compression);
    config.client.tls.insecure = true;
    exporter_ = std::make_unique<OtlpGrpcExporter>(
        pipeline::Settings{{"otlp_grpc", ""}, {}, registry_, workers_}, config);
    ASSERT_TRUE(exporter_->Start().ok());
    transport_ = exporter_->CreateTransport(otlp::Signal::kTraces, worker_, seconds(1));
    transport_->SetObserver(&news_);
    transport_->Start();
  }
  otlp::Batch Batch(std::string_view text) {
    otlp::Batch batch;
    batch.items = 1;
    batch.body = Rope::CopyOf(text);
    batch.raw_size = text.size();
    return batch;
  }
  sending::AttemptId Attempt(const otlp::Batch& batch) {
    return transport_->Attempt(
        batch, seconds(5), [this](AttemptResult result) { results_.push_back(std::move(result)); });
  }
  void Probe(Duration timeout) {
    transport_->Probe(timeout,
                      [this](AttemptResult result) { results_.push_back(std::move(result)); });
  }
  bool UntilResults(size_t count) {
    return worker_.RunUntil([this, count] { return results_.size() >= count; }, seconds(5));
  }

  telemetry::Registry registry_;
  net::Worker worker_;
  const std::vector<net::Worker*> workers_ = {&worker_};
  net::ScriptedPeer peer_{worker_};
  News news_;
  std::unique_ptr<OtlpGrpcExporter> exporter_;
  std::unique_ptr<sending::Transport> transport_;
  std::vector<AttemptResult> results_;
};

TEST_F(OtlpGrpcExporterTest, DeliversCompressedRequests) {
  peer_.Listen();
  Open(peer_.port());
  const std::string text(20000, 't');
  Attempt(Batch(text));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk) << results_[0].status.ToString();
  const std::string& body = peer_.connections[0]->requests[1].body;
  EXPECT_LT(body.size(), 1000u);
  const auto message = net::UnframeGrpcMessage(Rope::CopyOf(body), 30000);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(wire::Decompress(wire::Codec::kGzip, message->bytes, 30000)->ToString(), text);
  EXPECT_EQ(news_.connected, 1);
}

TEST_F(OtlpGrpcExporterTest, AProbeIsAnsweredByAnEmptyExport) {
  peer_.Listen();
  Open(peer_.port());
  Probe(seconds(2));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk);
  EXPECT_EQ(peer_.connections[0]->requests[1].body, std::string(5, '\0'));
}

TEST_F(OtlpGrpcExporterTest, AProbeOfAnAbsentPeerFailsAtOnceAndOfASilentOneInTime) {
  peer_.Listen();
  const uint16_t port = peer_.port();
  peer_.StopListening();
  Open(port);
  Probe(seconds(5));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kTransport);
  peer_.mute = true;
  peer_.Listen(port);
  const auto start = std::chrono::steady_clock::now();
  Probe(milliseconds(300));
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(results_[1].outcome, OutcomeClass::kTransport);
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
}

TEST_F(OtlpGrpcExporterTest, CancelWorksAtAnyMomentAndLeaksNothing) {
  peer_.on_request = [](net::PeerConnection&, int32_t) {};
  peer_.Listen();
  Open(peer_.port());
  transport_->Cancel(Attempt(Batch("before the connection")));
  const auto id = Attempt(Batch("in flight"));
  ASSERT_TRUE(worker_.RunUntil([&] { return peer_.requests() == 1; }, seconds(5)));
  transport_->Cancel(id);
  transport_->Cancel(id);
  const auto last = Attempt(Batch("at the end"));
  (void)last;
  ASSERT_TRUE(worker_.RunUntil([&] { return peer_.requests() == 2; }, seconds(5)));
  transport_.reset();
  (void)worker_.RunUntil([] { return false; }, milliseconds(20));
  EXPECT_TRUE(results_.empty());
}

TEST_F(OtlpGrpcExporterTest, ASilentConnectionIsReplacedAndTheResultSaysSo) {
  peer_.Listen();
  Open(peer_.port());
  Attempt(Batch("a"));
  ASSERT_TRUE(UntilResults(1));
  peer_.connections[0]->mute = true;
  Attempt(Batch("b"));
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(results_[1].outcome, OutcomeClass::kOk);
  EXPECT_TRUE(results_[1].resent);
  EXPECT_EQ(news_.dial_failures, 0);
}

TEST_F(OtlpGrpcExporterTest, AMissingCaFileFailsTheStart) {
  Config config;
  config.client.endpoint = "127.0.0.1:1";
  config.client.tls.common.ca_file = "/nonexistent/ca.pem";
  OtlpGrpcExporter exporter({{"otlp_grpc", ""}, {}, registry_, workers_}, config);
  const Status status = exporter.Start();
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(status.message().contains("/nonexistent/ca.pem")) << status.ToString();
}

TEST(OtlpGrpcPeerLabelsTest, AreHostAndPort) {
  telemetry::Registry registry;
  const std::vector<net::Worker*> workers;
  Config config;
  config.client.endpoint = "https://backend:4317";
  const OtlpGrpcExporter exporter({{"otlp_grpc", ""}, {}, registry, workers}, config);
  EXPECT_EQ(exporter.PeerLabels(otlp::Signal::kLogs),
            (telemetry::Labels{{"server_address", "backend"}, {"server_port", "4317"}}));
}

TEST(OtlpGrpcFactoryTest, NamesTypeAndAlias) {
  EXPECT_EQ(Factory().info.type, "otlp_grpc");
  EXPECT_EQ(Factory().info.alias, "otlp");
}

}  // namespace
}  // namespace gapless::exporter::otlp_grpc
