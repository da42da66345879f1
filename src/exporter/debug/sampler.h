// Sampler: of equal texts within a second, the first few and then every n-th (zap's rule).
#pragma once

#include "base/loop.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace gapless::exporter::debug {

// One thread. Texts are told apart by a hash: two of one slot share their count.
class Sampler {
 public:
  Sampler(uint64_t initial, uint64_t thereafter) : initial_(initial), thereafter_(thereafter) {}

  bool Admit(std::string_view text, TimePoint now);

 private:
  struct Slot {
    TimePoint end{};
    uint64_t count = 0;
  };

  const uint64_t initial_;
  const uint64_t thereafter_;
  std::array<Slot, 256> slots_;
};

}  // namespace gapless::exporter::debug
