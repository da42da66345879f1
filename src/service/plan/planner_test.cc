#include "service/plan/planner.h"

#include "connector/failover/factory.h"
#include "sending/settings_tables.h"
#include "service/plan/load.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace gapless::service {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Merging {
  uint64_t size = 100;
};

const config::Table<Merging>& MergingTable() {
  static const config::Table<Merging> table = {
      config::Field("size", &Merging::size, "Items of a unit.")};
  return table;
}

struct Nothing {};

const config::Table<Nothing>& NothingTable() {
  static const config::Table<Nothing> table({});
  return table;
}

Factories TestFactories() {
  constexpr pipeline::ConfigSpec nothing = pipeline::SpecOf<Nothing, NothingTable>();
  Factories factories;
  factories.receivers = {{.info = {.type = "in", .config = nothing}}};
  factories.processors = {
      {.info = {.type = "batch", .config = pipeline::SpecOf<Merging, MergingTable>()}},
      {.info = {.type = "redact", .config = nothing}}};
  factories.merging = {{.type = "batch", .settings = [](const pipeline::ComponentConfig& config) {
                          return sending::BatchSettings{
                              .min_size = pipeline::ValueOf<Merging>(config).size};
                        }}};
  factories.exporters = {
      {.info = {.type = "out",
                .config = pipeline::SpecOf<sending::DeliveryConfig, sending::DeliveryTable>()},
       .delivery = [](const pipeline::ComponentConfig& config) {
         return pipeline::ValueOf<sending::DeliveryConfig>(config).ToSettings();
       }}};
  factories.connectors = {connector::failover::Factory(),
                          {.info = {.type = "forward", .config = nothing}}};
  factories.storages = {{.info = {.type = "file_storage", .config = nothing}}};
  return factories;
}

Result<Loaded> LoadText(std::string_view text) {
  const config::Sources sources{
      .read_file = [&](const std::string&) -> Result<std::string> { return std::string(text); },
      .get_env = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
      .fetch = nullptr};
  return Load({.configs = {"c"}, .sets = {}}, sources, TestFactories());
}

// "owner: level | level", each level "processor>exporter + exporter".
std::string Drawn(const QueuePlan& queue) {
  std::string text = queue.key.owner.ToString() + ":";
  for (const LevelPlan& level : queue.levels) {
    text += &level == &queue.levels.front() ? " " : " | ";
    for (const PathPlan& path : level.paths) {
      text += &path == &level.paths.front() ? "" : " + ";
      for (const ProcessorPlan& processor : path.processors) {
        text += processor.id.ToString() + ">";
      }
      text += path.exporter.ToString();
    }
  }
  return text;
}

std::vector<std::string> Queues(const Plan& plan) {
  std::vector<std::string> drawn;
  for (const QueuePlan& queue : plan.queues) {
    drawn.push_back(Drawn(queue));
  }
  return drawn;
}

// The queues of a configuration that must be good.
std::vector<std::string> QueuesOf(std::string_view text) {
  const auto loaded = LoadText(text);
  EXPECT_TRUE(loaded.ok()) << loaded.status().message();
  return loaded.ok() ? Queues(loaded->plan) : std::vector<std::string>();
}

std::string WithPipelines(std::string_view pipelines,
                          std::string_view levels = "[[out/a], [out/b]]",
                          std::string_view inner = "[[out/b], [out/c]]") {
  return fmt::format(R"(
receivers: {{in: {{}}}}
processors: {{batch: {{}}, batch/big: {{size: 1000}}, redact: {{}}}}
exporters: {{out/a: {{}}, out/b: {{}}, out/c: {{}}}}
connectors:
  failover: {{priority_levels: {}}}
  failover/inner: {{priority_levels: {}}}
  forward: {{}}
service:
  pipelines:
{})",
                     levels, inner, pipelines);
}

TEST(PlannerTest, EveryExporterOfAPipelineHasItsQueue) {
  EXPECT_THAT(QueuesOf(R"(
receivers: {in: {}}
exporters: {out/a: {}, out/b: {}}
service: {pipelines: {traces: {receivers: [in], exporters: [out/a, out/b]},
                      traces/2: {receivers: [in], exporters: [out/a]}}}
)"),
              ElementsAre("out/a: out/a", "out/b: out/b"));
}

constexpr std::string_view kFailover = R"(
receivers: {in: {}}
processors: {batch: {size: 7}, redact: {}}
exporters:
  out/a: {sending_queue: {queue_size: 5000}}
  out/b: {sending_queue: {queue_size: 20, storage: file_storage/b}}
connectors: {failover: {priority_levels: [[out/a], [traces/b]]}}
extensions: {file_storage/b: {}}
service:
  extensions: [file_storage/b]
  pipelines:
    traces/in: {receivers: [in], processors: [batch], exporters: [failover]}
    traces/a: {receivers: [failover], exporters: [out/a]}
    traces/b: {receivers: [failover], processors: [redact], exporters: [out/b]}
)";

TEST(PlannerTest, QueuesOfLevelsAreLiftedInFrontOfTheDecision) {
  const auto loaded = LoadText(kFailover);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  ASSERT_THAT(Queues(loaded->plan), ElementsAre("failover: out/a | redact>out/b"));
  const QueuePlan& queue = loaded->plan.queues.front();
  EXPECT_EQ(queue.queue.queue_size, 5000U);
  EXPECT_EQ(queue.queue.storage->ToString(), "file_storage/b");
  EXPECT_EQ(queue.queue.batch->min_size, 7U) << "the batch processor is the reader's work";
  EXPECT_THAT(loaded->plan.pipelines, testing::SizeIs(1));
  EXPECT_THAT(loaded->plan.pipelines.front().processors, IsEmpty());
  EXPECT_THAT(loaded->plan.notes,
              Contains(HasSubstr("storage file_storage/b is taken from its levels' exporters")));
}

TEST(PlannerTest, WhatTheConnectorWritesOutWins) {
  std::string text(kFailover);
  const std::string_view levels = "[[out/a], [traces/b]]";
  text.replace(text.find(levels), levels.size(),
               std::string(levels) + ", sending_queue: {queue_size: 9, sizer: items}");
  const auto loaded = LoadText(text);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->plan.queues.front().queue.queue_size, 9U);
  EXPECT_EQ(loaded->plan.queues.front().queue.sizer, sending::Sizer::kItems);
}

TEST(PlannerTest, AStorageThatIsDeclaredNowhereGetsTheDefaultDirectory) {
  std::string text(kFailover);
  for (const std::string_view gone :
       {"extensions: {file_storage/b: {}}\n", "  extensions: [file_storage/b]\n"}) {
    text.erase(text.find(gone), gone.size());
  }
  const auto loaded = LoadText(text);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  ASSERT_THAT(loaded->plan.undeclared_storages, testing::SizeIs(1));
  EXPECT_EQ(loaded->plan.undeclared_storages.front().ToString(), "file_storage/b");
}

TEST(PlannerTest, AnExporterOfALevelThatIsAlsoUsedDirectlyHasAQueueForThat) {
  EXPECT_THAT(QueuesOf(WithPipelines(R"(
    traces/in: {receivers: [in], exporters: [failover, out/a]}
    traces/a: {receivers: [failover], exporters: [out/a]}
    traces/b: {receivers: [failover], exporters: [out/b]}
    traces/inner: {receivers: [in], exporters: [failover/inner, forward]}
    traces/ib: {receivers: [failover/inner, forward], exporters: [out/b]}
    traces/ic: {receivers: [failover/inner], exporters: [out/c]}
)")),
              ElementsAre("failover: out/a | out/b", "out/a: out/a",
                          "failover/inner: out/b | out/c", "out/b: out/b"));
}

TEST(PlannerTest, ForwardVanishesIntoThePipelinesThatItJoins) {
  EXPECT_THAT(QueuesOf(WithPipelines(R"(
    traces/in: {receivers: [in], exporters: [failover, failover/inner]}
    traces/a: {receivers: [failover], processors: [redact], exporters: [forward]}
    traces/a2: {receivers: [forward], exporters: [out/a, out/c]}
    traces/b: {receivers: [failover, failover/inner], exporters: [out/b]}
    traces/c: {receivers: [failover/inner], exporters: [out/c]}
)",
                                     "[[traces/a], [out/b]]")),
              ElementsAre("failover: redact>out/a + redact>out/c | out/b",
                          "failover/inner: out/b | out/c"));
}

TEST(PlannerTest, ANestedFailoverGivesItsLevelsToTheOuterOne) {
  const auto loaded = LoadText(WithPipelines(R"(
    traces/in: {receivers: [in], exporters: [failover, forward]}
    traces/a: {receivers: [failover], exporters: [out/a]}
    traces/deep: {receivers: [failover], processors: [redact], exporters: [failover/inner]}
    traces/b: {receivers: [failover/inner], exporters: [out/b]}
    traces/c: {receivers: [failover/inner, forward], exporters: [out/c]}
)",
                                             "[[out/a], [traces/deep]]"));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(Queues(loaded->plan),
              ElementsAre("failover: out/a | redact>out/b | redact>out/c", "out/c: out/c"));
  EXPECT_THAT(loaded->plan.notes, Contains(HasSubstr("the levels of failover/inner stand in")));
}

TEST(PlannerTest, ANestedFailoverBesideOthersIsAnError) {
  const auto loaded = LoadText(WithPipelines(R"(
    traces/in: {receivers: [in], exporters: [failover, forward]}
    traces/a: {receivers: [failover], exporters: [out/a]}
    traces/deep: {receivers: [failover], exporters: [failover/inner, out/b]}
    traces/b: {receivers: [failover/inner], exporters: [out/b]}
    traces/c: {receivers: [failover/inner, forward], exporters: [out/c]}
)",
                                             "[[out/a], [traces/deep]]"));
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.status().message(), HasSubstr("must be alone in its level"));
}

struct Wrong {
  const char* situation;
  const char* levels;
  const char* want;
};

TEST(PlannerTest, WrongLevelsAreNamedWithTheirPlace) {
  const Wrong cases[] = {
      {"unknown", "[[out/a], [out/bb]]",
       "c:6:42: connectors::failover: priority_levels: \"out/bb\" is neither a pipeline nor an "
       "exporter (did you mean \"out/b\"?)"},
      {"no pipeline", "[[out/a], [out/c]]",
       "c:6:42: connectors::failover: priority_levels: no traces pipeline has receiver "
       "\"failover\" and exporter "
       "\"out/c\""},
      {"other signal", "[[out/a], [logs]]",
       "c:6:42: connectors::failover: priority_levels: pipeline \"logs\" is for logs, but the "
       "connector is used for "
       "traces"},
      {"not a receiver", "[[out/a], [traces/c]]",
       "c:6:42: connectors::failover: priority_levels: pipeline \"traces/c\" does not list "
       "\"failover\" as receiver"},
      {"twice", "[[out/a], [traces/a]]", "priority_levels: level 1 is the same as an earlier one"},
      {"ambiguous", "[[out/a], [out/b]]",
       "c:6:42: connectors::failover: priority_levels: exporter \"out/b\" stands for several "
       "traces pipelines "
       "[traces/b traces/b2]; name one of them"},
  };
  for (const Wrong& wrong : cases) {
    const auto loaded = LoadText(WithPipelines(R"(
    traces/in: {receivers: [in], exporters: [failover, failover/inner]}
    traces/a: {receivers: [failover, failover/inner], exporters: [out/a]}
    traces/b: {receivers: [failover], exporters: [out/b]}
    traces/b2: {receivers: [failover], exporters: [out/b]}
    traces/c: {receivers: [in, failover/inner], exporters: [out/c]}
    logs: {receivers: [in], exporters: [out/c]}
)",
                                               wrong.levels, "[[out/a], [out/c]]"));
    ASSERT_FALSE(loaded.ok()) << wrong.situation;
    EXPECT_THAT(loaded.status().message(), HasSubstr(wrong.want)) << wrong.situation;
  }
}

TEST(PlannerTest, SendersShareTheSmallestPatience) {
  const auto loaded = LoadText(R"(
receivers: {in: {}}
exporters: {out/a: {}, out/b: {}}
connectors:
  failover/1: {priority_levels: [[out/a], [out/b]], suspect_after: 3s}
  failover/2: {priority_levels: [[out/b], [out/a]], suspect_after: 2s}
service:
  pipelines:
    traces/in: {receivers: [in], exporters: [failover/1, failover/2]}
    traces/a: {receivers: [failover/1, failover/2], exporters: [out/a]}
    traces/b: {receivers: [failover/1, failover/2], exporters: [out/b]}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  ASSERT_EQ(loaded->plan.senders.size(), 2U);
  for (const auto& [key, patience] : loaded->plan.senders) {
    EXPECT_EQ(patience, std::chrono::seconds(2)) << key.exporter.ToString();
  }
}

}  // namespace
}  // namespace gapless::service
