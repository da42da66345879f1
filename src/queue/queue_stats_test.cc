// Names and labels that dashboards of the Collector look for.
#include "queue/queue_stats.h"

#include "base/status.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using telemetry::Labels;
using telemetry::MetricLevel;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct Bench {
  explicit Bench(MetricLevel level, bool is_failover = false)
      : registry(level),
        stats(registry,
              {.name = "otlp/a", .signal = otlp::Signal::kTraces, .is_failover = is_failover}) {
    stats.SetLevels({{.name = "otlp/a", .exporters = {{{"exporter", "otlp/a"}}}}});
  }

  // "label=value … number" of every series of a metric.
  std::vector<std::string> Series(std::string_view name) {
    std::vector<std::string> found;
    for (const telemetry::FamilyValue& family : registry.Collect()) {
      for (const telemetry::SeriesValue& series : family.series) {
        if (family.def->name == name) {
          std::string text;
          for (const auto& [label, value] : series.labels) {
            text += label + "=" + value + " ";
          }
          const bool histogram = family.def->kind == telemetry::MetricKind::kHistogram;
          found.push_back(
              text + std::to_string(static_cast<uint64_t>(histogram ? series.sum : series.value)));
        }
      }
    }
    return found;
  }

  telemetry::Registry registry;
  QueueStats stats;
};

TEST(QueueStatsTest, FailuresAreToldApartAtDetailedOnly) {
  struct Case {
    const char* situation;
    journal::DropReason reason;
    Status error;
    const char* labels;
  };
  using enum journal::DropReason;
  const Case cases[] = {
      {"the peer is away", kExpired, Unavailable("x").FromPeer(),
       "error_permanent=false error_type=Unavailable exporter=otlp/a 7"},
      {"the peer refuses", kRejected, InvalidArgument("x").FromPeer(),
       "error_permanent=true error_type=InvalidArgument exporter=otlp/a 7"},
      {"no answer in time", kExpired, DeadlineExceeded("x"),
       "error_permanent=false error_type=Deadline_Exceeded exporter=otlp/a 7"},
      {"the peer was too slow itself", kExpired, DeadlineExceeded("x").FromPeer(),
       "error_permanent=false error_type=DeadlineExceeded exporter=otlp/a 7"},
      {"no error at all", kOverflow, OkStatus(),
       "error_permanent=false error_type=_OTHER exporter=otlp/a 7"},
      {"the end of the process", kShutdown, OkStatus(),
       "error_permanent=false error_type=Shutdown exporter=otlp/a 7"},
  };
  for (const Case& c : cases) {
    Bench detailed(MetricLevel::kDetailed);
    detailed.stats.Dropped(c.reason, 7, c.error);
    EXPECT_THAT(detailed.Series("otelcol_exporter_send_failed_spans"),
                UnorderedElementsAre(c.labels))
        << c.situation;
    Bench normal(MetricLevel::kNormal);
    normal.stats.Dropped(c.reason, 7, c.error);
    EXPECT_THAT(normal.Series("otelcol_exporter_send_failed_spans"),
                UnorderedElementsAre("exporter=otlp/a 7"))
        << c.situation;
  }
}

TEST(QueueStatsTest, ALevelThatRejectsIsNamedWithTheError) {
  Bench bench(MetricLevel::kDetailed, /*is_failover=*/true);
  bench.stats.RejectedBy(0, 3, InvalidArgument("x").FromPeer());
  EXPECT_THAT(bench.Series("otelcol_exporter_send_failed_spans"),
              UnorderedElementsAre("error_permanent=true error_type=InvalidArgument "
                                   "exporter=otlp/a 3"));
}

TEST(QueueStatsTest, SizesOfRequestsAreThereAtDetailedOnly) {
  Bench detailed(MetricLevel::kDetailed);
  detailed.stats.Enqueued(5, 100);
  detailed.stats.Enqueued(6, 200);
  EXPECT_THAT(detailed.Series("otelcol_exporter_enqueue_size"),
              UnorderedElementsAre("exporter=otlp/a 11"));
  EXPECT_THAT(detailed.Series("otelcol_exporter_enqueue_size_bytes"),
              UnorderedElementsAre("exporter=otlp/a 300"));
  Bench normal(MetricLevel::kNormal);
  normal.stats.Enqueued(5, 100);
  EXPECT_THAT(normal.Series("otelcol_exporter_enqueue_size"), IsEmpty());
}

TEST(QueueStatsTest, CombinationsOfMetadataAreCountedOnce) {
  Bench bench(MetricLevel::kNormal);
  const auto of = [](std::string value) {
    return Backlog::Taken{
        .items = 1,
        .metadata = std::make_shared<const otlp::Metadata>(otlp::Metadata{{"tenant", value}})};
  };
  for (const char* tenant : {"a", "b", "a", "a", "c"}) {
    bench.stats.Merged("batch", of(tenant));
  }
  bench.stats.Merged("batch", {.items = 1});
  EXPECT_THAT(bench.Series("otelcol_processor_batch_metadata_cardinality"),
              UnorderedElementsAre("processor=batch 4"));
}

}  // namespace
}  // namespace gapless::queue
