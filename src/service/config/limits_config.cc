#include "service/config/limits_config.h"

#include <algorithm>

namespace gapless::service {

uint64_t LimitsConfig::MemoryOf(uint64_t machine_bytes) const {
  return std::max(kLeastMemory, memory.Of(machine_bytes));
}

const config::Table<LimitsConfig>& LimitsTable() {
  static const config::Table<LimitsConfig> table(
      {config::Field("memory", &LimitsConfig::memory,
                     "Memory for what clients sent, all of it together: a size, or a part of what "
                     "the machine or the cgroup allows.")},
      [](const LimitsConfig& limits, config::Checker& checker) {
        if (limits.memory.size && limits.memory.size->bytes < kLeastMemory) {
          checker.Fail("memory", "must be at least 32MiB");
        } else if (!limits.memory.size && limits.memory.percent.value <= 0) {
          checker.Fail("memory", "must be more than 0%");
        }
      });
  return table;
}

}  // namespace gapless::service
