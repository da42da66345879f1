#include "telemetry/series.h"

#include <algorithm>
#include <numeric>

namespace gapless::telemetry::internal {

size_t ThisShard() {
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

uint64_t CounterSeries::Value() const {
  return std::accumulate(cells.begin(), cells.end(), uint64_t{0},
                         [](uint64_t sum, const Cell& cell) {
                           return sum + cell.value.load(std::memory_order_relaxed);
                         });
}

HistogramSeries::HistogramSeries(std::span<const double> upper_bounds) : bounds(upper_bounds) {
  for (Shard& shard : shards) {
    shard.buckets = std::vector<std::atomic<uint64_t>>(bounds.size() + 1);
  }
}

void HistogramSeries::Observe(double value) {
  Shard& shard = shards[ThisShard()];
  // Bounds are inclusive ("le"); what is above all of them lands in the last bucket.
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), value);
  shard.buckets[static_cast<size_t>(bound - bounds.begin())].fetch_add(1,
                                                                       std::memory_order_relaxed);
  shard.sum.fetch_add(value, std::memory_order_relaxed);
}

bool CallbackSeries::AddTo(double* sum) {
  MutexLock lock(mu);
  if (!value) {
    return false;
  }
  *sum += value();
  return true;
}

bool Series::Read(const MetricDef& def, SeriesValue* out) {
  bool alive = false;
  if (counter) {
    out->value += static_cast<double>(counter->Value());
    alive = true;
  }
  if (const auto held = gauge.lock()) {
    out->value += held->value.load(std::memory_order_relaxed);
    alive = true;
  }
  std::erase_if(callbacks, [&](const std::weak_ptr<CallbackSeries>& weak) {
    const auto held = weak.lock();
    const bool counted = held && held->AddTo(&out->value);
    alive = alive || counted;
    return !counted;
  });
  if (histogram) {
    out->buckets.assign(def.bounds.size() + 1, 0);
    for (const HistogramSeries::Shard& shard : histogram->shards) {
      for (size_t i = 0; i < shard.buckets.size(); ++i) {
        out->buckets[i] += shard.buckets[i].load(std::memory_order_relaxed);
      }
      out->sum += shard.sum.load(std::memory_order_relaxed);
    }
    out->count = std::accumulate(out->buckets.begin(), out->buckets.end(), uint64_t{0});
    alive = true;
  }
  return alive;
}

Series& Family::Find(Labels labels) {
  std::sort(labels.begin(), labels.end());
  const auto found = series.find(labels);
  if (found != series.end()) {
    return found->second;
  }
  if (series.size() >= Registry::kSeriesPerFamilyMax) {
    return series[Labels{{"otel_metric_overflow", "true"}}];
  }
  return series[std::move(labels)];
}

}  // namespace gapless::telemetry::internal
