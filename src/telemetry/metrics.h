// Counters, gauges, histograms and the registry that owns their values.
//
// A component asks the Registry for a handle once, at creation, and updates it on its data path: a
// counter update is one relaxed atomic add on the calling thread's own cache line; the lines are
// summed at scrape. Handles are cheap to copy, may be used from any thread, and may outlive the
// registry. A handle made by its default constructor swallows updates, so code under test needs no
// registry.
//
// Asking twice for the same series gives the same series: counters and histograms live as long as
// the registry (so they survive a config reload) or until Remove; a gauge vanishes with its last
// handle, a callback with its handle.
#pragma once

#include "base/mutex.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::telemetry {

enum class MetricKind : uint8_t { kCounter, kUpDownCounter, kGauge, kHistogram };

// service.telemetry.metrics.level; a metric is exposed from its own level upwards.
enum class MetricLevel : uint8_t { kNone, kBasic, kNormal, kDetailed };

// What is fixed about a metric. Lives as long as the process: definitions are the constexpr rows of
// inventory.h.
struct MetricDef {
  std::string_view name = {};  // as exposed with default settings: [a-z_][a-z0-9_]*
  MetricKind kind = MetricKind::kCounter;
  std::string_view unit = {};    // UCUM: "s", "By", "{span}"
  std::string_view labels = {};  // names that its series may carry, separated by ", "
  std::string_view help = {};
  MetricLevel level = MetricLevel::kBasic;
  bool hidden_while_zero =
      false;  // upstream shows some failure counters only after a first failure
  std::span<const double> bounds = {};  // histograms: upper bounds, ascending, without +Inf
};

// Label names and values. Order of writing does not matter.
using Labels = std::vector<std::pair<std::string, std::string>>;

namespace internal {
struct CounterSeries;
struct GaugeSeries;
struct HistogramSeries;
struct CallbackSeries;
struct Family;
}  // namespace internal

class Counter {
 public:
  Counter() = default;
  // Wait-free.
  void Add(uint64_t n = 1) const;
  uint64_t Value() const;

 private:
  friend class Registry;
  explicit Counter(std::shared_ptr<internal::CounterSeries> series) : series_(std::move(series)) {}
  std::shared_ptr<internal::CounterSeries> series_;
};

// Also up-down counters. Where several paths share a series, each adds and subtracts its own part.
class Gauge {
 public:
  Gauge() = default;
  void Set(double value) const;
  void Add(double delta) const;
  double Value() const;

 private:
  friend class Registry;
  explicit Gauge(std::shared_ptr<internal::GaugeSeries> series) : series_(std::move(series)) {}
  std::shared_ptr<internal::GaugeSeries> series_;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value) const;
  uint64_t Count() const;

 private:
  friend class Registry;
  explicit Histogram(std::shared_ptr<internal::HistogramSeries> series)
      : series_(std::move(series)) {}
  std::shared_ptr<internal::HistogramSeries> series_;
};

// A value computed at scrape, on the scraping thread. Destroying the handle waits for a running
// scrape and removes the value; afterwards the function is never called again. Move-only.
class Callback {
 public:
  using Function = std::move_only_function<double()>;

  Callback() = default;
  Callback(Callback&&) noexcept = default;
  Callback& operator=(Callback&& other) noexcept;
  ~Callback() { Reset(); }
  void Reset();

 private:
  friend class Registry;
  explicit Callback(std::shared_ptr<internal::CallbackSeries> series)
      : series_(std::move(series)) {}
  std::shared_ptr<internal::CallbackSeries> series_;
};

// One consistent reading of every exposed series; families by name, series by labels.
struct SeriesValue {
  Labels labels;  // sorted by name
  double value = 0;
  std::vector<uint64_t> buckets;  // histograms: per bound and +Inf, not cumulative
  double sum = 0;
  uint64_t count = 0;
};
struct FamilyValue {
  const MetricDef* def = nullptr;
  std::vector<SeriesValue> series;  // never empty
};

// Thread-safe. Not copied, not moved; callbacks must be reset before it ends.
class Registry {
 public:
  // Series of one metric; what comes after shares one series labelled otel_metric_overflow="true"
  // (OpenTelemetry metrics SDK specification, cardinality limits).
  static constexpr size_t kSeriesPerFamilyMax = 2000;

  explicit Registry(MetricLevel level = MetricLevel::kNormal);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Precondition: the definition's kind fits and every label name is one of its labels.
  Counter GetCounter(const MetricDef& def, Labels labels = {});
  Gauge GetGauge(const MetricDef& def, Labels labels = {});
  Histogram GetHistogram(const MetricDef& def, Labels labels = {});
  // For counters and gauges. Several callbacks and a handle of the same series add up. `value` is
  // called with the registry locked: it must be quick, thread-safe and must not call the registry.
  [[nodiscard]] Callback AddCallback(const MetricDef& def, Labels labels, Callback::Function value);

  // Forgets every series that carries this label: a component that left the config. Handles to them
  // stay usable but are no longer exposed.
  void Remove(std::string_view label, std::string_view value);

  MetricLevel level() const { return level_.load(std::memory_order_relaxed); }
  void set_level(MetricLevel level) { level_.store(level, std::memory_order_relaxed); }

  std::vector<FamilyValue> Collect();

 private:
  internal::Family& FamilyFor(const MetricDef& def) GAPLESS_REQUIRES(mu_);

  std::atomic<MetricLevel> level_;
  Mutex mu_;
  std::map<std::string_view, std::unique_ptr<internal::Family>> families_ GAPLESS_GUARDED_BY(mu_);
};

// "none", "basic", "normal", "detailed", any case; false if `text` is none of them.
bool ParseMetricLevel(std::string_view text, MetricLevel* out);

}  // namespace gapless::telemetry
