// The seed of a randomized test: GAPLESS_SEED if it is set, so that a failure can be run again,
// else a new one.
#pragma once

#include "base/rng.h"

#include <cstdlib>

namespace gapless::sim {

inline uint64_t FirstSeed() {
  const char* text = std::getenv("GAPLESS_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : RandomSeed();
}

}  // namespace gapless::sim
