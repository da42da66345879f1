// The values behind the handles of metrics.h. Private to the room.
#pragma once

#include "base/mutex.h"
#include "telemetry/metrics.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace gapless::telemetry::internal {

inline constexpr size_t kCacheLine = 64;
// Threads are spread over this many cells; workers are as many as cores, so a cell is rarely
// shared.
inline constexpr size_t kShards = 16;

// The cell of the calling thread: 0 … kShards - 1, given out in turn at a thread's first update.
size_t ThisShard();

struct CounterSeries {
  struct alignas(kCacheLine) Cell {
    std::atomic<uint64_t> value{0};
  };
  void Add(uint64_t n) { cells[ThisShard()].value.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Value() const;

  std::array<Cell, kShards> cells;
};

struct GaugeSeries {
  std::atomic<double> value{0};
};

struct HistogramSeries {
  explicit HistogramSeries(std::span<const double> upper_bounds);
  void Observe(double value);

  struct alignas(kCacheLine) Shard {
    std::vector<std::atomic<uint64_t>> buckets;
    std::atomic<double> sum{0};
  };
  std::span<const double> bounds;
  std::array<Shard, kShards> shards;
};

// Called under its own lock, so that the handle's end waits for a running call without knowing the
// registry.
struct CallbackSeries {
  // Adds the value to *sum; false once the handle is gone.
  bool AddTo(double* sum);

  Mutex mu;
  Callback::Function value GAPLESS_GUARDED_BY(mu);
};

// All that shares one name and one set of labels.
struct Series {
  std::shared_ptr<CounterSeries> counter;
  std::weak_ptr<GaugeSeries> gauge;
  std::shared_ptr<HistogramSeries> histogram;
  std::vector<std::weak_ptr<CallbackSeries>> callbacks;

  // Fills `out`; false if nothing is left of the series.
  bool Read(const MetricDef& def, SeriesValue* out);
};

struct Family {
  explicit Family(const MetricDef& family_def) : def(&family_def) {}
  // The series of these labels, or the overflow series when there are too many.
  Series& Find(Labels labels);

  const MetricDef* def;
  std::map<Labels, Series> series;
};

}  // namespace gapless::telemetry::internal
