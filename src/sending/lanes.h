// Lanes: how the order of one resource is kept while others pass.
//
// A lane is one of 64; the lane of a resource is a hash of it (otlp/scan.h). Data of one lane is
// never in flight twice to one destination, and goes in the order of arrival. Records of several
// resources have several lanes. A set of lanes is a mask, one bit each; none: no order to keep.
#pragma once

#include <array>
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

// How many deliveries are under way in each lane.
class LanesInUse {
 public:
  void Take(Lanes lanes) {
    ForEachLane(lanes, [this](size_t lane) { ++users_[lane]; });
    busy_ |= lanes;
  }
  void Leave(Lanes lanes) {
    ForEachLane(lanes, [this](size_t lane) {
      if (--users_[lane] == 0) {
        busy_ &= ~(Lanes{1} << lane);
      }
    });
  }
  Lanes busy() const { return busy_; }

 private:
  std::array<uint32_t, kLaneCount> users_{};
  Lanes busy_ = 0;
};

}  // namespace gapless::sending
