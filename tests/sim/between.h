// A random duration, both ends included.
#pragma once

#include "base/rng.h"
#include "base/status.h"

namespace gapless::sim {

inline Duration Between(Rng& rng, Duration low, Duration high) {
  return low +
         Duration(static_cast<int64_t>(rng.Below(static_cast<uint64_t>((high - low).count()) + 1)));
}

}  // namespace gapless::sim
