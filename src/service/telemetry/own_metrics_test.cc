#include "service/telemetry/own_metrics.h"

#include "exporter/otlp_grpc/factory.h"
#include "exporter/otlp_http/factory.h"
#include "net/dial/client_channel.h"
#include "net/grpc/grpc_frame.h"
#include "net/http/scripted_peer.h"
#include "otlp/metrics_request.h"
#include "otlp/scan.h"
#include "telemetry/inventory.h"
#include "telemetry/log_capture.h"

namespace gapless::service {
namespace {

using std::chrono::seconds;
using telemetry::Metric;
using testing::HasSubstr;
using testing::SizeIs;

class OwnMetricsTest : public testing::Test {
 protected:
  OwnMetricsTest() {
    counter_.Add(42);
    histogram_.Observe(100);
  }
  // Servers that were closed end on later turns.
  void TearDown() override {
    for (int i = 0; i < 10; ++i) {
      bool turned = false;
      worker_.Post([&turned] { turned = true; });
      ASSERT_TRUE(worker_.RunUntil([&turned] { return turned; }, seconds(5)));
    }
  }
  MetricsReader Pull(uint16_t port = 0) {
    PrometheusConfig prometheus;
    prometheus.host = "127.0.0.1";
    prometheus.port = port;
    return {.pull = PullReader{.exporter = {.prometheus = prometheus}}, .periodic = {}};
  }
  MetricsReader Push(uint16_t port, OtlpProtocol protocol, std::string compression = "none") {
    PeriodicReader periodic;
    periodic.interval = 20;
    periodic.exporter.otlp = OtlpReaderConfig();
    periodic.exporter.otlp->protocol = protocol;
    periodic.exporter.otlp->endpoint = "http://127.0.0.1:" + std::to_string(port);
    periodic.exporter.otlp->compression = std::move(compression);
    return {.pull = {}, .periodic = periodic};
  }
  Status Configure(std::vector<MetricsReader> readers) {
    MetricsConfig config;
    config.level = telemetry::MetricLevel::kDetailed;
    config.readers = std::move(readers);
    return metrics_.Configure(config, {{"service.name", "gapless"}});
  }
  std::string Scrape(const std::string& address) {
    net::ClientChannelOptions options;
    options.target = *net::HostPort::Parse(address);
    options.connection.protocol = net::ClientProtocol::kHttp1;
    net::ClientChannel channel(worker_, std::move(options), nullptr);
    net::HttpRequest request;
    request.authority = address;
    request.target = "/metrics";
    std::optional<net::ExchangeResult> answer;
    channel.Ask(std::make_shared<const net::HttpRequest>(std::move(request)), seconds(5),
                [&answer](net::ExchangeResult result) { answer = std::move(result); });
    (void)worker_.RunUntil([&answer] { return answer.has_value(); }, seconds(6));
    return answer && answer->status.ok() ? answer->response.body.ToString() : "";
  }
  static uint16_t PortOf(const std::string& address) { return net::HostPort::Parse(address)->port; }

  net::Worker worker_;
  const std::vector<net::Worker*> workers_ = {&worker_};
  telemetry::LogCapture log_;
  telemetry::Registry registry_{telemetry::MetricLevel::kDetailed};
  const Factories factories_ = {
      .receivers = {},
      .processors = {},
      .merging = {},
      .exporters = {exporter::otlp_grpc::Factory(), exporter::otlp_http::Factory()},
      .connectors = {},
      .extensions = {},
      .storages = {}};
  telemetry::Counter counter_ =
      registry_.GetCounter(Metric("otelcol_exporter_sent_spans"), {{"exporter", "otlp/a"}});
  telemetry::Histogram histogram_ = registry_.GetHistogram(
      Metric("otelcol_exporter_queue_batch_send_size"), {{"exporter", "otlp/a"}});
  OwnMetrics metrics_{
      {.factories = factories_, .workers = workers_, .registry = registry_, .log = log_.logger()}};
};

TEST_F(OwnMetricsTest, SeveralReadersServeEachInItsForm) {
  MetricsReader suffixed = Pull();
  suffixed.pull->exporter.prometheus->without_type_suffix = false;
  suffixed.pull->exporter.prometheus->with_resource_constant_labels.included.emplace();
  ASSERT_TRUE(Configure({Pull(), suffixed}).ok());
  const auto addresses = metrics_.addresses();
  ASSERT_THAT(addresses, SizeIs(2));
  EXPECT_THAT(Scrape(addresses[0]), HasSubstr("\notelcol_exporter_sent_spans{exporter=\"otlp/a\"} "
                                              "42\n"));
  EXPECT_THAT(Scrape(addresses[1]),
              HasSubstr("\notelcol_exporter_sent_spans_total{exporter=\"otlp/a\","
                        "service_name=\"gapless\"} 42\n"));
}

TEST_F(OwnMetricsTest, AReaderThatStaysKeepsItsSocket) {
  ASSERT_TRUE(Configure({Pull()}).ok());
  const auto before = metrics_.addresses();
  ASSERT_TRUE(Configure({Pull(), Pull()}).ok());
  const auto after = metrics_.addresses();
  ASSERT_THAT(after, SizeIs(2));
  EXPECT_EQ(after[0], before[0]);
  ASSERT_TRUE(Configure({}).ok());
  EXPECT_THAT(metrics_.addresses(), SizeIs(0));
}

TEST_F(OwnMetricsTest, AReaderThatOnlyChangedItsFormKeepsItsPort) {
  ASSERT_TRUE(Configure({Pull()}).ok());
  const uint16_t free_port = PortOf(metrics_.addresses()[0]);
  ASSERT_TRUE(Configure({}).ok());
  (void)worker_.RunUntil([] { return false; }, std::chrono::milliseconds(20));
  MetricsReader reader = Pull(free_port);
  ASSERT_TRUE(Configure({reader}).ok());
  reader.pull->exporter.prometheus->without_type_suffix = false;
  ASSERT_TRUE(Configure({reader}).ok());
  EXPECT_THAT(Scrape(metrics_.addresses()[0]), HasSubstr("sent_spans_total"));
}

TEST_F(OwnMetricsTest, APortThatIsTakenChangesNothing) {
  ASSERT_TRUE(Configure({Pull()}).ok());
  const auto before = metrics_.addresses();
  net::ScriptedPeer other(worker_);
  other.Listen();
  const Status status = Configure({Pull(other.port())});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("already in use"));
  ASSERT_THAT(metrics_.addresses(), SizeIs(1));
  EXPECT_THAT(Scrape(metrics_.addresses()[0]), HasSubstr("otelcol_exporter_sent_spans"));
}

TEST_F(OwnMetricsTest, PushesArriveOverGrpcAsOneRequestWithEverySeries) {
  net::ScriptedPeer peer(worker_);
  peer.Listen();
  ASSERT_TRUE(Configure({Push(peer.port(), OtlpProtocol::kGrpc)}).ok());
  ASSERT_TRUE(worker_.RunUntil([&] { return peer.requests() >= 2; }, seconds(5)));
  const std::string& body = peer.connections[0]->requests[1].body;
  const auto message = net::UnframeGrpcMessage(Rope::CopyOf(body), 1 << 20);
  ASSERT_TRUE(message.ok());
  const auto scan = otlp::Scan(message->bytes, otlp::Signal::kMetrics);
  ASSERT_TRUE(scan.ok()) << scan.status().ToString();
  EXPECT_EQ(scan->items, 2U);
  EXPECT_EQ(scan->metrics, 2U);
  EXPECT_THAT(message->bytes.ToString(), HasSubstr("otelcol_exporter_sent_spans"));
}

TEST_F(OwnMetricsTest, TheLastPushCarriesWhatHappenedSince) {
  net::ScriptedPeer peer(worker_);
  peer.Listen();
  MetricsReader reader = Push(peer.port(), OtlpProtocol::kGrpc);
  reader.periodic->interval = 60'000;
  ASSERT_TRUE(Configure({reader}).ok());
  bool flushed = false;
  metrics_.Flush(seconds(5), [&flushed] { flushed = true; });
  EXPECT_TRUE(worker_.RunUntil([&flushed] { return flushed; }, seconds(6)));
  EXPECT_EQ(peer.requests(), 1U);
}

TEST_F(OwnMetricsTest, AnAbsentPeerIsToldOfOnceAndHoldsNothingUp) {
  net::ScriptedPeer peer(worker_);
  peer.Listen();
  const uint16_t port = peer.port();
  peer.StopListening();
  ASSERT_TRUE(Configure({Push(port, OtlpProtocol::kHttp)}).ok());
  ASSERT_TRUE(worker_.RunUntil([this] { return log_.Count("Own metrics were not taken") >= 1; },
                               seconds(5)));
  (void)worker_.RunUntil([] { return false; }, std::chrono::milliseconds(200));
  EXPECT_EQ(log_.Count("Own metrics were not taken"), 1U);
  bool flushed = false;
  metrics_.Flush(seconds(1), [&flushed] { flushed = true; });
  EXPECT_TRUE(worker_.RunUntil([&flushed] { return flushed; }, seconds(3)));
}

TEST(PushTargetTest, IsTheExporterThatTheReaderDescribes) {
  struct Case {
    OtlpReaderConfig otlp;
    std::string_view type;
    std::string_view key;
    std::string_view endpoint;
    bool insecure;
  };
  const auto otlp = [](OtlpProtocol protocol, std::string endpoint, bool insecure = false) {
    OtlpReaderConfig config;
    config.protocol = protocol;
    config.endpoint = std::move(endpoint);
    config.insecure = insecure;
    return config;
  };
  constexpr auto kGrpc = OtlpProtocol::kGrpc;
  constexpr auto kHttp = OtlpProtocol::kHttp;
  const Case cases[] = {
      {otlp(kGrpc, "h:1"), "otlp_grpc", "endpoint", "h:1", false},
      {otlp(kGrpc, "h:1", true), "otlp_grpc", "endpoint", "h:1", true},
      {otlp(kGrpc, "http://h:1"), "otlp_grpc", "endpoint", "h:1", true},
      {otlp(kGrpc, "https://h:1", true), "otlp_grpc", "endpoint", "h:1", false},
      {otlp(kHttp, "h:1"), "otlp_http", "endpoint", "https://h:1", false},
      {otlp(kHttp, "http://h:1/"), "otlp_http", "endpoint", "http://h:1/", true},
      {otlp(kHttp, "http://h:1/x/y"), "otlp_http", "metrics_endpoint", "http://h:1/x/y", true},
  };
  for (const Case& c : cases) {
    const PushTarget target = TargetOf(c.otlp);
    EXPECT_EQ(target.type, c.type);
    ASSERT_NE(target.section.Find(c.key), nullptr) << c.endpoint;
    EXPECT_EQ(target.section.Find(c.key)->text(), c.endpoint);
    EXPECT_EQ(config::FindPath(target.section, "tls::insecure")->bool_value(), c.insecure)
        << c.endpoint;
  }
}

}  // namespace
}  // namespace gapless::service
