#include "service/graph/collector.h"

#include "connector/failover/factory.h"
#include "service/graph/fake_components_test.h"
#include "service/plan/load.h"
#include "telemetry/inventory.h"
#include "telemetry/log_capture.h"

#include <algorithm>

namespace gapless::service {
namespace {

using fake::TheDisk;
using fake::TheWorld;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::string_view kPlain = R"(
receivers: {fake: {port: "1"}}
exporters: {fake/a: {}}
service: {pipelines: {traces: {receivers: [fake], exporters: [fake/a]}}}
)";

constexpr std::string_view kFailover = R"(
receivers: {fake: {port: "1"}}
exporters: {fake/a: {}, fake/b: {}}
connectors: {failover: {priority_levels: [[fake/a], [fake/b]]}}
service:
  pipelines:
    traces/in: {receivers: [fake], exporters: [failover]}
    traces/a: {receivers: [failover], exporters: [fake/a]}
    traces/b: {receivers: [failover], exporters: [fake/b]}
)";

// The plain one, and a queue on a disk beside it.
constexpr std::string_view kBeside = R"(
receivers: {fake: {port: "1"}, fake/b: {port: "2"}}
exporters: {fake/a: {}, fake/b: {durable: true}}
extensions: {fake: {}}
service:
  extensions: [fake]
  pipelines:
    traces: {receivers: [fake], exporters: [fake/a]}
    traces/b: {receivers: [fake/b], exporters: [fake/b]}
)";

std::string Replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out(text);
  for (size_t at = out.find(what); at != std::string::npos; at = out.find(what, at + with.size())) {
    out.replace(at, what.size(), with);
  }
  return out;
}

class CollectorTest : public testing::Test {
 protected:
  void SetUp() override {
    fake::Reset();
    TheDisk().Set(/*is_slow=*/false);
    collector_ = std::make_unique<Collector>(GraphContext{
        .factories = factories_, .workers = workers_, .log = log_.logger(), .metrics = registry_});
  }
  void TearDown() override {
    collector_.reset();
    Settle();
  }

  Loaded LoadText(std::string_view yaml) {
    config::Sources sources;
    sources.read_file = [&](const std::string&) -> Result<std::string> {
      return std::string(yaml);
    };
    sources.get_env = [](const std::string&) { return std::nullopt; };
    auto loaded = Load({.configs = {"file:c.yaml"}, .sets = {}}, sources, factories_);
    EXPECT_TRUE(loaded.ok()) << loaded.status().ToString();
    return loaded.ok() ? *std::move(loaded) : Loaded();
  }
  void Start(std::string_view yaml) {
    const auto report = Reload(yaml);
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    TheWorld().events.clear();
  }
  void BeginReload(std::string_view yaml) {
    Loaded loaded = LoadText(yaml);
    report_.reset();
    collector_->Apply(std::move(loaded.config), std::move(loaded.plan),
                      [this](Result<ReloadReport> done) { report_ = std::move(done); });
  }
  Result<ReloadReport> EndOfReload() {
    EXPECT_TRUE(Until([this] { return report_.has_value(); }));
    return report_.value_or(Internal("it does not end"));
  }
  Result<ReloadReport> Reload(std::string_view yaml) {
    BeginReload(yaml);
    return EndOfReload();
  }
  // Sends one item through a receiver and gives the answer.
  Status Send(const std::string& receiver = "fake") {
    pipeline::Consumer* output = TheWorld().receivers.at(receiver)[0];
    otlp::Batch batch{.signal = otlp::Signal::kTraces,
                      .items = 1,
                      .body = Rope::CopyOf("x"),
                      .raw_size = 1,
                      .metadata = {},
                      .context = {}};
    std::optional<Status> answer;
    output->Consume(std::move(batch),
                    pipeline::Completion([&answer](Status status) { answer = std::move(status); }));
    EXPECT_TRUE(worker_.RunUntil([&answer] { return answer.has_value(); }, seconds(5)));
    return answer.value_or(Internal("no answer"));
  }
  pipeline::QueueStatus Queue() {
    collector_->PublishStatus();
    return collector_->status_source().status()->queues.front();
  }
  bool Until(std::move_only_function<bool()> condition) {
    return worker_.RunUntil(std::move(condition), seconds(5));
  }
  void Settle() {
    bool turned = false;
    worker_.Post([this, &turned] { worker_.Post([&turned] { turned = true; }); });
    EXPECT_TRUE(Until([&turned] { return turned; }));
  }
  bool HasSeries(std::string_view label, std::string_view id) {
    for (const telemetry::FamilyValue& family : registry_.Collect()) {
      for (const telemetry::SeriesValue& series : family.series) {
        for (const auto& [name, value] : series.labels) {
          if (name == label && value == id) {
            return true;
          }
        }
      }
    }
    return false;
  }

  net::Worker worker_;
  const std::vector<net::Worker*> workers_ = {&worker_};
  telemetry::LogCapture log_;
  telemetry::Registry registry_;
  const Factories factories_ = {.receivers = {fake::ReceiverFactory()},
                                .processors = {},
                                .merging = {},
                                .exporters = {fake::ExporterFactory()},
                                .connectors = {connector::failover::Factory()},
                                .extensions = {},
                                .storages = {fake::StorageFactory()}};
  std::unique_ptr<Collector> collector_;
  std::optional<Result<ReloadReport>> report_;
};

TEST_F(CollectorTest, WhatDidNotChangeIsKept) {
  Start(kFailover);
  const auto report = Reload(kFailover);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->kept, UnorderedElementsAre("receiver fake", "exporter fake/a",
                                                 "exporter fake/b", "queue failover (traces)"));
  EXPECT_THAT(report->changed, IsEmpty());
  EXPECT_THAT(report->restarted, IsEmpty());
  EXPECT_THAT(report->started, IsEmpty());
  EXPECT_THAT(report->stopped, IsEmpty());
  EXPECT_THAT(TheWorld().events, IsEmpty());
}

TEST_F(CollectorTest, AReceiverThatIsRenamedOnItsPortStopsBeforeTheNewOneStarts) {
  Start(kPlain);
  const auto report =
      Reload(Replaced(Replaced(kPlain, "{fake:", "{fake/new:"), "[fake]", "[fake/new]"));
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_THAT(TheWorld().events, ElementsAre("stop fake", "start fake/new"));
  EXPECT_THAT(report->stopped, ElementsAre("receiver fake"));
  EXPECT_THAT(report->started, ElementsAre("receiver fake/new"));
  EXPECT_TRUE(Send("fake/new").ok());
}

TEST_F(CollectorTest, ReceiversThatSwapTheirPortsBothStopFirst) {
  constexpr std::string_view kTwo = R"(
receivers: {fake/x: {port: "1"}, fake/y: {port: "2"}}
exporters: {fake/a: {}}
service: {pipelines: {traces: {receivers: [fake/x, fake/y], exporters: [fake/a]}}}
)";
  Start(kTwo);
  const auto report =
      Reload(Replaced(Replaced(Replaced(kTwo, "\"1\"", "T"), "\"2\"", "\"1\""), "T", "\"2\""));
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_THAT(TheWorld().events,
              ElementsAre("stop fake/x", "stop fake/y", "start fake/x", "start fake/y"));
  EXPECT_THAT(report->restarted, ElementsAre("receiver fake/x", "receiver fake/y"));
}

TEST_F(CollectorTest, APortThatIsTakenBringsTheFormerConfigurationBack) {
  Start(kFailover);
  collector_->Operate(
      {.verb = OperatorVerb::kDrain, .connector = "failover", .signal = std::nullopt, .level = "0"},
      [](const auto& answer) { EXPECT_TRUE(answer.ok()); });
  TheWorld().ports.insert("9");
  const auto report = Reload(Replaced(kFailover, "\"1\"", "\"9\""));
  ASSERT_FALSE(report.ok());
  EXPECT_TRUE(report.status().message().contains("port 9 is taken")) << report.status().message();
  EXPECT_THAT(TheWorld().events, ElementsAre("stop fake", "start fake"));
  EXPECT_TRUE(TheWorld().ports.contains("1"));
  EXPECT_TRUE(Send().ok());
  EXPECT_EQ(Queue().active, 1U) << "the failover state is lost";
  const auto again = Reload(kFailover);
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->restarted, IsEmpty()) << "not everything was brought back";
}

TEST_F(CollectorTest, DataAndFailoverStateOfAChangedQueueStay) {
  Start(kFailover);
  TheWorld().peer_up = false;
  ASSERT_TRUE(Send().ok());
  const auto report =
      Reload(Replaced(kFailover, "[[fake/a], [fake/b]]}", "[[fake/a], [fake/b]], hold: 7s}"));
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->changed, ElementsAre("queue failover (traces)"));
  EXPECT_EQ(Queue().pending.items, 1U);
  TheWorld().peer_up = true;
  EXPECT_TRUE(Until([] { return TheWorld().delivered_items == 1; }));
}

TEST_F(CollectorTest, AChangedExporterGetsNewConnectionsAndKeepsItsQueue) {
  Start(kPlain);
  TheWorld().peer_up = false;
  ASSERT_TRUE(Send().ok());
  const auto report = Reload(Replaced(kPlain, "fake/a: {}", "fake/a: {endpoint: elsewhere}"));
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->restarted, ElementsAre("exporter fake/a"));
  EXPECT_THAT(report->changed, ElementsAre("queue fake/a (traces)"));
  EXPECT_EQ(Queue().pending.items, 1U);
}

TEST_F(CollectorTest, SeriesOfWhatLeftGoOnceItsQueueIsEmpty) {
  Start(kPlain);
  TheWorld().peer_up = false;
  ASSERT_TRUE(Send().ok());
  ASSERT_TRUE(HasSeries("exporter", "fake/a"));
  const auto report = Reload(Replaced(kPlain, "fake/a", "fake/b"));
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->stopped, UnorderedElementsAre("exporter fake/a", "queue fake/a (traces)"));
  EXPECT_TRUE(HasSeries("exporter", "fake/a")) << "it still has data to deliver";
  TheWorld().peer_up = true;
  EXPECT_TRUE(Until([this] { return !HasSeries("exporter", "fake/a"); }));
  EXPECT_FALSE(HasSeries("journal", "fake/a"));
  EXPECT_TRUE(HasSeries("exporter", "fake/b"));
  EXPECT_EQ(TheWorld().delivered_items, 1U);
}

TEST_F(CollectorTest, AQueueThatComesBackIsAdoptedWithItsData) {
  Start(kPlain);
  TheWorld().peer_up = false;
  ASSERT_TRUE(Send().ok());
  ASSERT_TRUE(Reload(Replaced(kPlain, "fake/a", "fake/b")).ok());
  ASSERT_TRUE(Reload(kPlain).ok());
  EXPECT_EQ(Queue().pending.items, 1U);
  TheWorld().peer_up = true;
  EXPECT_TRUE(Until([] { return TheWorld().delivered_items == 1; }));
}

TEST_F(CollectorTest, AQueueSwitchedOffAndOnAgainLosesNothing) {
  constexpr std::string_view kOn = "priority_levels: [[fake/a], [fake/b]]}";
  Start(kFailover);
  TheWorld().peer_up = false;
  ASSERT_TRUE(Send().ok());
  const auto off = Reload(Replaced(
      kFailover, kOn, "priority_levels: [[fake/a], [fake/b]], sending_queue: {enabled: false}}"));
  ASSERT_TRUE(off.ok()) << off.status().ToString();
  EXPECT_THAT(off->restarted, ElementsAre("queue failover (traces)"));
  ASSERT_TRUE(Reload(kFailover).ok());
  TheWorld().peer_up = true;
  EXPECT_TRUE(Until([] { return TheWorld().delivered_items == 1; }));
}

TEST_F(CollectorTest, OperatorsWordsReachTheLevelsThatTheyName) {
  Start(kFailover);
  const auto operate = [this](OperatorVerb verb, std::optional<std::string> level,
                              std::string connector = "failover") {
    std::optional<Result<OperatorAnswer>> answer;
    collector_->Operate({.verb = verb,
                         .connector = std::move(connector),
                         .signal = std::nullopt,
                         .level = std::move(level)},
                        [&answer](const Result<OperatorAnswer>& given) { answer = given; });
    EXPECT_TRUE(Until([&answer] { return answer.has_value(); }));
    return *answer;
  };
  const auto active = [this] { return Queue().active; };
  EXPECT_TRUE(operate(OperatorVerb::kDrain, "fake/a").ok());
  EXPECT_EQ(active(), 1U);
  EXPECT_TRUE(operate(OperatorVerb::kSwitch, "0").ok());
  EXPECT_EQ(active(), 0U);
  EXPECT_TRUE(operate(OperatorVerb::kForce, "1").ok());
  EXPECT_TRUE(operate(OperatorVerb::kSwitch, "1").ok());
  EXPECT_EQ(active(), 1U) << "a switch takes earlier forces back";
  EXPECT_TRUE(operate(OperatorVerb::kAuto, std::nullopt).ok());
  EXPECT_EQ(active(), 0U);
  const auto probed = operate(OperatorVerb::kProbe, std::nullopt);
  ASSERT_TRUE(probed.ok());
  ASSERT_EQ(probed->levels.size(), 2U);
  EXPECT_EQ(probed->levels[1].name, "fake/b");
  EXPECT_EQ(probed->levels[1].result, "ok");
  EXPECT_EQ(operate(OperatorVerb::kDrain, "2").status().code(), Code::kInvalidArgument);
  const auto unknown = operate(OperatorVerb::kAuto, std::nullopt, "failovr");
  EXPECT_EQ(unknown.status().code(), Code::kNotFound);
  EXPECT_TRUE(unknown.status().message().contains("failover")) << unknown.status().message();
}

TEST_F(CollectorTest, WhileAReloadRecoversAJournalEverythingElseGoesOn) {
  Start(kPlain);
  TheDisk().Set(/*is_slow=*/true);
  BeginReload(kBeside);
  ASSERT_TRUE(Until([] { return TheDisk().Recovering() == 1; }));
  EXPECT_TRUE(Send().ok());
  EXPECT_TRUE(Until([] { return TheWorld().delivered_items == 1; }));
  collector_->PublishStatus();
  EXPECT_EQ(collector_->status_source().status()->queues.size(), 1U);
  EXPECT_FALSE(report_.has_value());
  EXPECT_THAT(TheWorld().events, IsEmpty()) << "the former configuration runs until all is there";
  TheDisk().Set(/*is_slow=*/false);
  const auto report = EndOfReload();
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_THAT(report->kept, testing::Contains("queue fake/a (traces)"));
  EXPECT_THAT(report->started, testing::Contains("queue fake/b (traces)"));
  EXPECT_TRUE(Send("fake/b").ok());
}

TEST_F(CollectorTest, TheEndDoesNotWaitForAJournalThatIsBeingRecovered) {
  Start(kPlain);
  TheDisk().Set(/*is_slow=*/true);
  BeginReload(kBeside);
  ASSERT_TRUE(Until([] { return TheDisk().Recovering() == 1; }));
  bool ended = false;
  collector_->Shutdown(worker_.Now() + seconds(5), [&ended](journal::Amount) { ended = true; });
  EXPECT_TRUE(Until([&ended] { return ended; }));
  collector_.reset();
  EXPECT_EQ(TheDisk().Recovering(), 0U);
  EXPECT_FALSE(report_.has_value());
}

TEST_F(CollectorTest, AStartEndsWhileItsJournalsAreBeingRecovered) {
  TheDisk().Set(/*is_slow=*/true);
  BeginReload(kBeside);
  ASSERT_TRUE(Until([] { return TheDisk().Recovering() == 1; }));
  EXPECT_FALSE(collector_->status_source().ready());
  bool ended = false;
  collector_->Shutdown(worker_.Now() + seconds(5), [&ended](journal::Amount) { ended = true; });
  EXPECT_TRUE(Until([&ended] { return ended; }));
}

TEST_F(CollectorTest, AJournalThatCannotBeOpenedChangesNothing) {
  Start(kPlain);
  TheDisk().Set(/*is_slow=*/false, Status(Code::kPermissionDenied, "the disk is read-only"));
  const auto report = Reload(kBeside);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().message(),
            "failed to start \"fake/b\" exporter: the disk is read-only");
  EXPECT_THAT(TheWorld().events, IsEmpty());
  EXPECT_TRUE(Send().ok());
  TheDisk().Set(/*is_slow=*/false);
  EXPECT_TRUE(Reload(kBeside).ok());
}

TEST_F(CollectorTest, AQueueThatComesBackWhileItsJournalIsClosedWaitsForThat) {
  Start(kBeside);
  ASSERT_TRUE(Reload(kPlain).ok());
  EXPECT_TRUE(Until([this] {
    collector_->PublishStatus();
    return collector_->status_source().status()->queues.size() == 1;
  }));
  const auto report = Reload(kBeside);
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_THAT(report->started, testing::Contains("queue fake/b (traces)"));
}

TEST_F(CollectorTest, AQueueThatIsAdoptedAgainAndAgainIsNotClosed) {
  Start(kBeside);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Reload(kPlain).ok());
    ASSERT_TRUE(Reload(kBeside).ok());
    ASSERT_TRUE(Send("fake/b").ok());
  }
}

}  // namespace
}  // namespace gapless::service
