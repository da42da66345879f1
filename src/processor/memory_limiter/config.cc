#include "processor/memory_limiter/config.h"

namespace gapless::processor::memory_limiter {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

// Upstream's texts, and its order.
void Check(const Config& config, config::Checker& checker) {
  if (config.check_interval <= Duration::zero()) {
    checker.Fail("check_interval", "'check_interval' must be greater than zero");
  }
  if (config.min_gc_interval_when_soft_limited < config.min_gc_interval_when_hard_limited) {
    checker.Fail("min_gc_interval_when_soft_limited",
                 "'min_gc_interval_when_soft_limited' should be larger than "
                 "'min_gc_interval_when_hard_limited'");
  }
  if (config.max_gc_interval_when_soft_limited != Duration::zero() &&
      config.max_gc_interval_when_soft_limited < config.min_gc_interval_when_soft_limited) {
    checker.Fail("max_gc_interval_when_soft_limited",
                 "'max_gc_interval_when_soft_limited' must be greater than or equal to "
                 "'min_gc_interval_when_soft_limited' (or 0 to disable)");
  }
  if (config.max_gc_interval_when_hard_limited != Duration::zero() &&
      config.max_gc_interval_when_hard_limited < config.min_gc_interval_when_hard_limited) {
    checker.Fail("max_gc_interval_when_hard_limited",
                 "'max_gc_interval_when_hard_limited' must be greater than or equal to "
                 "'min_gc_interval_when_hard_limited' (or 0 to disable)");
  }
  if (config.limit_mib == 0 && config.limit_percentage == 0) {
    checker.Fail("limit_mib", "'limit_mib' or 'limit_percentage' must be greater than zero");
  }
  if (config.limit_percentage > 100 || config.spike_limit_percentage > 100) {
    checker.Fail("limit_percentage",
                 "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and "
                 "less than or equal to hundred");
  }
  if (config.limit_mib > 0 && config.limit_mib <= config.spike_limit_mib) {
    checker.Fail("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
  }
  if (config.limit_percentage > 0 && config.limit_percentage <= config.spike_limit_percentage) {
    checker.Fail("spike_limit_percentage",
                 "'spike_limit_percentage' must be smaller than 'limit_percentage'");
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<Config> table(
      {
          Field("check_interval", &Config::check_interval,
                "How often memory is measured; must be given, 1s is good."),
          Field("limit_mib", &Config::limit_mib,
                "Hard limit: resident memory of the process, MiB. Goes before limit_percentage."),
          Field("spike_limit_mib", &Config::spike_limit_mib,
                "The soft limit, at which data is refused, is so far below the hard one; 0: a "
                "fifth of it."),
          Field("limit_percentage", &Config::limit_percentage,
                "Hard limit in percent of what machine and cgroup allow."),
          Field("spike_limit_percentage", &Config::spike_limit_percentage,
                "As spike_limit_mib, in percent of the same."),
          Field("min_gc_interval_when_soft_limited", &Config::min_gc_interval_when_soft_limited,
                "Above the soft limit, freed memory is given back no more often than this."),
          Field("min_gc_interval_when_hard_limited", &Config::min_gc_interval_when_hard_limited,
                "The same above the hard limit."),
          Field("max_gc_interval_when_soft_limited", &Config::max_gc_interval_when_soft_limited,
                "The interval doubles up to this while that does not help; 0: it stays."),
          Field("max_gc_interval_when_hard_limited", &Config::max_gc_interval_when_hard_limited,
                "The same above the hard limit."),
      },
      Check);
  return table;
}

Limits LimitsOf(const Config& config, uint64_t machine_memory) {
  uint64_t hard = config.limit_mib * kMebibyte;
  uint64_t spike = config.spike_limit_mib * kMebibyte;
  if (config.limit_mib == 0) {
    // In this order nothing overflows below 2^57 bytes.
    hard = machine_memory * config.limit_percentage / 100;
    spike = machine_memory * config.spike_limit_percentage / 100;
  }
  return {.soft = hard - (spike > 0 ? spike : hard / 5), .hard = hard};
}

}  // namespace gapless::processor::memory_limiter
