#include "telemetry/prometheus.h"

#include "telemetry/inventory.h"

#include <cmath>
#include <set>

namespace gapless::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr MetricDef kPlain{
    .name = "jobs", .unit = "{job}", .labels = "name", .help = "Jobs\nwith a \\ in it."};
constexpr MetricDef kTime{.name = "work_time", .unit = "s", .labels = "", .help = "h"};
constexpr MetricDef kTimeNamed{.name = "cpu_seconds", .unit = "s", .labels = "", .help = "h"};
constexpr MetricDef kTotalNamed{.name = "alloc_total", .unit = "By", .labels = "", .help = "h"};
constexpr MetricDef kMemory{
    .name = "rss", .kind = MetricKind::kGauge, .unit = "By", .labels = "", .help = "h"};
constexpr MetricDef kShare{
    .name = "share", .kind = MetricKind::kGauge, .unit = "1", .labels = "", .help = "h"};
constexpr std::array kBounds = {0.5, 10.0};
constexpr MetricDef kSizes{.name = "sizes",
                           .kind = MetricKind::kHistogram,
                           .unit = "By",
                           .labels = "name",
                           .help = "h",
                           .bounds = kBounds};

std::string Expose(Registry& registry, const PrometheusOptions& options = {}) {
  return PrometheusText(registry.Collect(), options);
}

TEST(PrometheusTest, WritesHelpTypeAndSamplesInOrder) {
  Registry registry;
  registry.GetCounter(kPlain, {{"name", "b"}}).Add(2);
  registry.GetCounter(kPlain, {{"name", "a"}}).Add(1'234'567'890'123);
  EXPECT_EQ(Expose(registry, {.resource = {{"service.name", "gapless"}, {"a", "1"}}}),
            "# HELP jobs Jobs\\nwith a \\\\ in it.\n"
            "# TYPE jobs counter\n"
            "jobs{name=\"a\"} 1234567890123\n"
            "jobs{name=\"b\"} 2\n"
            "# HELP promhttp_metric_handler_errors_total Total number of internal errors "
            "encountered by the promhttp metric handler.\n"
            "# TYPE promhttp_metric_handler_errors_total counter\n"
            "promhttp_metric_handler_errors_total{cause=\"encoding\"} 0\n"
            "promhttp_metric_handler_errors_total{cause=\"gathering\"} 0\n"
            "# HELP target_info Target metadata\n"
            "# TYPE target_info gauge\n"
            "target_info{a=\"1\",service_name=\"gapless\"} 1\n");
}

TEST(PrometheusTest, AttributesThatBecomeOneLabelHaveTheirValuesJoined) {
  Registry registry;
  const Labels twice = {
      {"my.label", "x"}, {"my-label", "y"}, {"my/label", "z"}, {"name", "o"}, {"le", "l"}};
  registry.GetCounter(kPlain, {{"name", "a"}}).Add(1);
  registry.GetHistogram(kSizes, {}).Observe(1);
  const std::string page =
      Expose(registry, {.without_scope_info = false, .resource = twice, .constant_labels = twice});
  // In the order of the names as they were: '-' comes before '.', and that before '/'.
  EXPECT_THAT(page, HasSubstr("target_info{le=\"l\",my_label=\"y;x;z\",name=\"o\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("jobs{le=\"l\",my_label=\"y;x;z\",name=\"a\","));
  EXPECT_THAT(page, HasSubstr("sizes_bucket{exported_le=\"l\",my_label=\"y;x;z\","));
  EXPECT_THAT(page, HasSubstr("sizes_sum{exported_le=\"l\",my_label=\"y;x;z\","));
}

TEST(PrometheusTest, EscapesLabelValues) {
  Registry registry;
  registry.GetCounter(kPlain, {{"name", "a\"b\\c\nd"}}).Add(1);
  EXPECT_THAT(Expose(registry), HasSubstr("jobs{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(PrometheusTest, BucketsAreCumulativeAndEndWithInfinity) {
  Registry registry;
  const Histogram sizes = registry.GetHistogram(kSizes, {{"name", "x"}});
  for (const double value : {0.25, 0.5, 3.0, 100.0}) {
    sizes.Observe(value);
  }
  EXPECT_THAT(Expose(registry), HasSubstr("# TYPE sizes histogram\n"
                                          "sizes_bucket{name=\"x\",le=\"0.5\"} 2\n"
                                          "sizes_bucket{name=\"x\",le=\"10\"} 3\n"
                                          "sizes_bucket{name=\"x\",le=\"+Inf\"} 4\n"
                                          "sizes_sum{name=\"x\"} 103.75\n"
                                          "sizes_count{name=\"x\"} 4\n"));
}

TEST(PrometheusTest, SpecialNumbersHaveTheirOwnWords) {
  Registry registry;
  const Gauge rss = registry.GetGauge(kMemory);
  rss.Set(INFINITY);
  EXPECT_THAT(Expose(registry), HasSubstr("\nrss +Inf\n"));
  rss.Set(-INFINITY);
  EXPECT_THAT(Expose(registry), HasSubstr("\nrss -Inf\n"));
  rss.Set(NAN);
  EXPECT_THAT(Expose(registry), HasSubstr("\nrss NaN\n"));
  rss.Set(-0.125);
  EXPECT_THAT(Expose(registry), HasSubstr("\nrss -0.125\n"));
}

TEST(PrometheusTest, NamesFollowTheSwitches) {
  struct Row {
    const MetricDef* def;
    const char* raw;
    const char* typed;
    const char* with_units;
    const char* both;
  };
  const Row rows[] = {
      {&kPlain, "jobs", "jobs_total", "jobs", "jobs_total"},
      {&kTime, "work_time", "work_time_total", "work_time_seconds", "work_time_seconds_total"},
      {&kTimeNamed, "cpu_seconds", "cpu_seconds_total", "cpu_seconds", "cpu_seconds_total"},
      {&kTotalNamed, "alloc_total", "alloc_total", "alloc_total_bytes", "alloc_bytes_total"},
      {&kMemory, "rss", "rss", "rss_bytes", "rss_bytes"},
      {&kShare, "share", "share", "share_ratio", "share_ratio"},
      {&kSizes, "sizes", "sizes", "sizes_bytes", "sizes_bytes"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(PrometheusName(*row.def, {}), row.raw);
    EXPECT_EQ(PrometheusName(*row.def, {.without_type_suffix = false}), row.typed);
    EXPECT_EQ(PrometheusName(*row.def, {.without_units = false}), row.with_units);
    EXPECT_EQ(PrometheusName(*row.def, {.without_units = false, .without_type_suffix = false}),
              row.both);
  }
}

TEST(PrometheusTest, SpellingsOfTheOlderDashboards) {
  const PrometheusOptions old{.without_units = false, .without_type_suffix = false};
  EXPECT_EQ(PrometheusName(Metric("otelcol_process_uptime"), old),
            "otelcol_process_uptime_seconds_total");
  EXPECT_EQ(PrometheusName(Metric("otelcol_process_cpu_seconds"), old),
            "otelcol_process_cpu_seconds_total");
  EXPECT_EQ(PrometheusName(Metric("otelcol_process_memory_rss"), old),
            "otelcol_process_memory_rss_bytes");
  EXPECT_EQ(PrometheusName(Metric("otelcol_exporter_sent_spans"), old),
            "otelcol_exporter_sent_spans_total");
  EXPECT_EQ(PrometheusName(Metric("otelcol_exporter_queue_size"), old),
            "otelcol_exporter_queue_size");
}

TEST(PrometheusTest, ScopeLabelsAreOnEverySeriesWhenAskedFor) {
  Registry registry;
  registry.GetCounter(kPlain, {{"name", "a"}}).Add(1);
  const std::string text =
      Expose(registry, {.without_scope_info = false, .scope_version = "0.1.0"});
  EXPECT_THAT(text, HasSubstr("jobs{name=\"a\",otel_scope_name=\"gapless\",otel_scope_schema_url="
                              "\"\",otel_scope_version=\"0.1.0\"} 1\n"));
  EXPECT_THAT(Expose(registry), Not(HasSubstr("otel_scope")));
}

TEST(PrometheusTest, ConstantLabelsDoNotReplaceASeriesOwn) {
  Registry registry;
  registry.GetCounter(kPlain, {{"name", "own"}}).Add(1);
  EXPECT_THAT(
      Expose(registry, {.constant_labels = {{"name", "common"}, {"service.name", "gapless"}}}),
      HasSubstr("jobs{name=\"own\",service_name=\"gapless\"} 1\n"));
}

// The rules that `promtool check metrics` and a Prometheus scrape apply to the whole text: a header
// pair before the samples of a family, each family once, no series twice, names and numbers well
// formed.
void ExpectWellFormed(const std::string& text) {
  ASSERT_TRUE(text.ends_with('\n'));
  std::set<std::string> families;
  std::set<std::string> series;
  std::string family;
  std::string type;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "twice: " << family;
      EXPECT_GT(line.size(), 7 + family.size() + 1) << "no help: " << family;
      const std::string next = text.substr(at, text.find('\n', at) - at);
      ASSERT_TRUE(next.starts_with("# TYPE " + family + " ")) << next;
      type = next.substr(8 + family.size());
      at = text.find('\n', at) + 1;
      continue;
    }
    const size_t name_end = line.find_first_of("{ ");
    const std::string name = line.substr(0, name_end);
    EXPECT_TRUE(name == family ||
                (type == "histogram" && (name == family + "_bucket" || name == family + "_sum" ||
                                         name == family + "_count")))
        << line;
    const size_t value_at = line.rfind(' ');
    EXPECT_TRUE(series.insert(line.substr(0, value_at)).second) << "twice: " << line;
    char* number_end = nullptr;
    std::strtod(line.c_str() + value_at + 1, &number_end);
    EXPECT_EQ(*number_end, '\0') << line;
  }
}

TEST(PrometheusTest, TheWholeInventoryIsWellFormedUnderAllSwitches) {
  Registry registry(MetricLevel::kDetailed);
  std::vector<Gauge> gauges;
  for (const MetricDef& def : kInventory) {
    const std::string first(def.labels.substr(0, def.labels.find(',')));
    for (const char* value : {"a", "b \"\\\n{}"}) {
      const Labels labels = first.empty() ? Labels{} : Labels{{first, value}};
      switch (def.kind) {
        case MetricKind::kCounter:
          registry.GetCounter(def, labels).Add(3);
          break;
        case MetricKind::kUpDownCounter:
        case MetricKind::kGauge:
          gauges.push_back(registry.GetGauge(def, labels));
          gauges.back().Set(0.1);
          break;
        case MetricKind::kHistogram:
          registry.GetHistogram(def, labels).Observe(7);
          break;
      }
    }
  }
  for (int switches = 0; switches < 8; ++switches) {
    SCOPED_TRACE(switches);
    const PrometheusOptions options{.without_units = (switches & 1) != 0,
                                    .without_type_suffix = (switches & 2) != 0,
                                    .without_scope_info = (switches & 4) != 0,
                                    .scope_version = "1",
                                    .resource = {{"service.name", "g"}}};
    ExpectWellFormed(Expose(registry, options));
    EXPECT_EQ(Expose(registry, options), Expose(registry, options));
  }
}

}  // namespace
}  // namespace gapless::telemetry
