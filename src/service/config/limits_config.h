// service.limits: what the process may hold. A key of gapless.
#pragma once

#include "config/fields.h"

#include <cstdint>

namespace gapless::service {

struct LimitsConfig {
  // Of what clients sent, in memory. A percentage is of what the machine or the cgroup allows.
  config::SizeOrPercent memory = {.size = {}, .percent = {.value = 25}};

  // Bytes; at least kLeastMemory, also on a machine of which that is a large part.
  uint64_t MemoryOf(uint64_t machine_bytes) const;

  bool operator==(const LimitsConfig&) const = default;
};

// Less cannot take a request of the largest size that servers take by default.
inline constexpr uint64_t kLeastMemory = uint64_t{32} << 20;

const config::Table<LimitsConfig>& LimitsTable();

}  // namespace gapless::service
