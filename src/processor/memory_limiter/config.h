// Configuration of the `memory_limiter` processor.
#pragma once

#include "config/fields.h"

#include <cstdint>

namespace gapless::processor::memory_limiter {

// Upstream's keys. What it calls a garbage collection is here the return of freed memory to the
// system.
struct Config {
  Duration check_interval{};
  uint32_t limit_mib = 0;
  uint32_t spike_limit_mib = 0;  // 0: a fifth of the limit
  uint32_t limit_percentage = 0;
  uint32_t spike_limit_percentage = 0;  // 0: a fifth of the limit
  Duration min_gc_interval_when_soft_limited = std::chrono::seconds(10);
  Duration min_gc_interval_when_hard_limited{};
  Duration max_gc_interval_when_soft_limited = std::chrono::seconds(30);
  Duration max_gc_interval_when_hard_limited = std::chrono::seconds(30);
};

const config::Table<Config>& ConfigTable();

// Bytes. Between the two is room for what arrives between two checks.
struct Limits {
  uint64_t soft = 0;  // from here on data is refused
  uint64_t hard = 0;
};

// `machine_memory`: what percentages are of, bytes.
Limits LimitsOf(const Config& config, uint64_t machine_memory);

}  // namespace gapless::processor::memory_limiter
