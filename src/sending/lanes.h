// Lanes: how the order of one resource is kept while others pass.
//
// A lane is one of 64; the lane of a resource is a hash of it (otlp/scan.h). Data of one lane is
// never in flight twice to one destination, and goes in the order of arrival. Records of several
// resources have several lanes. A set of lanes is a mask, one bit each; none: no order to keep.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace gapless::sending {

using Lanes = uint64_t;
inline constexpr int kLaneCount = 64;

// Calls visit(index) for every lane of the set.
template <typename Visit>
void ForEachLane(Lanes lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) {
    visit(static_cast<size_t>(std::countr_zero(lanes)));
  }
}

}  // namespace gapless::sending
