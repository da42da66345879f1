#include "telemetry/metrics.h"

#include "telemetry/inventory.h"
#include "telemetry/process_metrics.h"

#include <thread>

namespace gapless::telemetry {
namespace {

constexpr MetricDef kRequests{
    .name = "requests", .unit = "{request}", .labels = "path, code", .help = "h"};
constexpr MetricDef kDepth{
    .name = "depth", .kind = MetricKind::kGauge, .unit = "", .labels = "queue", .help = "h"};
constexpr std::array kBounds = {1.0, 10.0};
constexpr MetricDef kSizes{.name = "sizes",
                           .kind = MetricKind::kHistogram,
                           .unit = "By",
                           .labels = "",
                           .help = "h",
                           .bounds = kBounds};
constexpr MetricDef kFailures{
    .name = "failures", .unit = "", .labels = "", .help = "h", .hidden_while_zero = true};
constexpr MetricDef kDetail{
    .name = "detail", .unit = "", .labels = "", .help = "h", .level = MetricLevel::kDetailed};

// The value of the only series of the only family; -1 if there is not exactly one.
double OnlyValue(Registry& registry) {
  const auto families = registry.Collect();
  return families.size() == 1 && families[0].series.size() == 1 ? families[0].series[0].value : -1;
}

TEST(CounterTest, AddsOfAllThreadsAreSummed) {
  Registry registry;
  const Counter counter = registry.GetCounter(kRequests);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 40; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) {
          counter.Add();
        }
        counter.Add(5);
      });
    }
  }
  EXPECT_EQ(counter.Value(), 40u * 1005u);
  EXPECT_EQ(OnlyValue(registry), 40.0 * 1005.0);
}

TEST(RegistryTest, TheSameLabelsInAnyOrderAreTheSameSeries) {
  Registry registry;
  registry.GetCounter(kRequests, {{"path", "/"}, {"code", "200"}}).Add(1);
  registry.GetCounter(kRequests, {{"code", "200"}, {"path", "/"}}).Add(2);
  EXPECT_EQ(OnlyValue(registry), 3);
}

TEST(RegistryTest, ACounterOutlivesItsHandlesAndAGaugeDoesNot) {
  Registry registry;
  registry.GetCounter(kRequests).Add(7);
  {
    const Gauge gauge = registry.GetGauge(kDepth);
    gauge.Set(3);
    EXPECT_EQ(registry.Collect().size(), 2u);
  }
  EXPECT_EQ(OnlyValue(registry), 7);
  EXPECT_EQ(registry.GetGauge(kDepth).Value(), 0);
}

TEST(RegistryTest, RemoveDropsTheSeriesOfOneLabelOnly) {
  Registry registry;
  const Counter gone = registry.GetCounter(kRequests, {{"path", "/a"}});
  gone.Add(1);
  registry.GetCounter(kRequests, {{"path", "/b"}}).Add(2);
  registry.Remove("path", "/a");
  EXPECT_EQ(OnlyValue(registry), 2);
  gone.Add(1);
  EXPECT_EQ(registry.GetCounter(kRequests, {{"path", "/a"}}).Value(), 0u);
}

TEST(RegistryTest, CallbacksAndHandlesOfOneSeriesAddUp) {
  Registry registry;
  const Gauge gauge = registry.GetGauge(kDepth, {{"queue", "q"}});
  gauge.Set(1);
  gauge.Add(0.5);
  const Callback a = registry.AddCallback(kDepth, {{"queue", "q"}}, [] { return 10.0; });
  Callback b = registry.AddCallback(kDepth, {{"queue", "q"}}, [] { return 100.0; });
  EXPECT_EQ(OnlyValue(registry), 111.5);
  b.Reset();
  EXPECT_EQ(OnlyValue(registry), 11.5);
}

TEST(RegistryTest, ACallbackIsNotCalledOnceItsHandleIsGone) {
  Registry registry;
  int calls = 0;
  {
    const Callback callback = registry.AddCallback(kDepth, {}, [&] { return double(++calls); });
    registry.Collect();
  }
  EXPECT_TRUE(registry.Collect().empty());
  EXPECT_EQ(calls, 1);
}

TEST(RegistryTest, AssigningACallbackEndsTheOneBefore) {
  Registry registry;
  Callback callback = registry.AddCallback(kDepth, {}, [] { return 1.0; });
  callback = registry.AddCallback(kDepth, {}, [] { return 2.0; });
  EXPECT_EQ(OnlyValue(registry), 2);
}

TEST(RegistryTest, HandlesOutliveTheRegistry) {
  Counter counter;
  counter.Add(1);  // a handle of nothing swallows updates
  EXPECT_EQ(counter.Value(), 0u);
  {
    Registry registry;
    counter = registry.GetCounter(kRequests);
  }
  counter.Add(2);
  EXPECT_EQ(counter.Value(), 2u);
}

TEST(RegistryTest, SeriesAboveTheLimitShareTheOverflowSeries) {
  Registry registry;
  for (size_t i = 0; i < Registry::kSeriesPerFamilyMax + 5; ++i) {
    registry.GetCounter(kRequests, {{"path", std::to_string(i)}}).Add(1);
  }
  const auto families = registry.Collect();
  ASSERT_EQ(families.size(), 1u);
  EXPECT_EQ(families[0].series.size(), Registry::kSeriesPerFamilyMax + 1);
  const Labels overflow = {{"otel_metric_overflow", "true"}};
  const auto found = std::find_if(families[0].series.begin(), families[0].series.end(),
                                  [&](const SeriesValue& s) { return s.labels == overflow; });
  ASSERT_NE(found, families[0].series.end());
  EXPECT_EQ(found->value, 5);
}

TEST(RegistryTest, FailureCountersShowAfterTheFirstFailureOnly) {
  Registry registry;
  const Counter failures = registry.GetCounter(kFailures);
  EXPECT_TRUE(registry.Collect().empty());
  failures.Add();
  EXPECT_EQ(OnlyValue(registry), 1);
}

TEST(RegistryTest, ALevelHidesWhatIsAboveIt) {
  Registry registry(MetricLevel::kNormal);
  registry.GetCounter(kDetail).Add(4);
  EXPECT_TRUE(registry.Collect().empty());
  registry.set_level(MetricLevel::kDetailed);
  EXPECT_EQ(OnlyValue(registry), 4);
}

TEST(RegistryTest, ALabelThatTheDefinitionDoesNotListIsAnError) {
  Registry registry;
  EXPECT_DEATH(registry.GetCounter(kRequests, {{"pat", "/"}}), "LabelsKnown");
}

TEST(RegistryTest, ScrapesWhileComponentsComeAndGo) {
  Registry registry;
  std::jthread scraper([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      registry.Collect();
    }
  });
  for (int i = 0; i < 2000; ++i) {
    auto state = std::make_unique<int>(i);
    const Callback callback =
        registry.AddCallback(kDepth, {}, [value = state.get()] { return double(*value); });
    registry.GetCounter(kRequests, {{"path", "/"}}).Add();
    registry.Remove("path", "/");
  }
}

TEST(HistogramTest, BoundsAreInclusiveAndTheRestIsInfinity) {
  Registry registry;
  const Histogram histogram = registry.GetHistogram(kSizes);
  for (const double value : {0.5, 1.0, 1.5, 10.0, 11.0, 1e9}) {
    histogram.Observe(value);
  }
  const auto families = registry.Collect();
  ASSERT_EQ(families.size(), 1u);
  const SeriesValue& series = families[0].series[0];
  EXPECT_EQ(series.buckets, (std::vector<uint64_t>{2, 2, 2}));
  EXPECT_EQ(series.count, 6u);
  EXPECT_EQ(series.sum, 0.5 + 1 + 1.5 + 10 + 11 + 1e9);
  EXPECT_EQ(histogram.Count(), 6u);
}

TEST(MetricLevelTest, ParsesUpstreamsNamesInAnyCase) {
  MetricLevel level = MetricLevel::kNone;
  EXPECT_TRUE(ParseMetricLevel("Detailed", &level));
  EXPECT_EQ(level, MetricLevel::kDetailed);
  EXPECT_FALSE(ParseMetricLevel("detail", &level));
  EXPECT_FALSE(ParseMetricLevel("", &level));
}

TimePoint FixedNow() { return TimePoint(std::chrono::seconds(105)); }

TEST(ProcessMetricsTest, TellsUptimeCpuAndMemory) {
  Registry registry;
  {
    const ProcessMetrics metrics(registry, TimePoint(std::chrono::seconds(100)), FixedNow);
    std::map<std::string_view, double> values;
    for (const FamilyValue& family : registry.Collect()) {
      values[family.def->name] = family.series.at(0).value;
    }
    EXPECT_EQ(values.size(), 6u);
    EXPECT_EQ(values["otelcol_process_uptime"], 5);
    EXPECT_GT(values["otelcol_process_memory_rss"], 1e6);
    EXPECT_LT(values["otelcol_process_memory_rss"], 1e11);
    EXPECT_GE(values["otelcol_process_cpu_seconds"], 0);
    EXPECT_LT(values["otelcol_process_cpu_seconds"], 1000);
    // The sanitizers' allocators answer 0.
    EXPECT_GE(values["otelcol_process_runtime_heap_alloc_bytes"], 0);
    EXPECT_LT(values["otelcol_process_runtime_heap_alloc_bytes"], 1e11);
  }
  EXPECT_TRUE(registry.Collect().empty());
}

TEST(ProcessMetricsTest, CpuTimeGrowsWithWork) {
  const double before = ProcessCpuSeconds();
  uint64_t sum = 0;
  while (ProcessCpuSeconds() < before + 0.02) {
    for (uint64_t i = 0; i < 1'000'000; ++i) {
      sum += i * i;
    }
  }
  EXPECT_NE(sum, 1u);
  EXPECT_LT(ProcessCpuSeconds(), before + 10);
}

}  // namespace
}  // namespace gapless::telemetry
