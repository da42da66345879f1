// LaneOrder: the units of a queue in each lane, oldest first. A unit may be sent when it is the
// first in all its lanes, and holds them until it is settled. Pure; one thread.
#pragma once

#include "sending/lanes.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gapless::queue {

class LaneOrder {
 public:
  struct Entry {
    uint64_t unit = 0;
    sending::Lanes lanes = 0;
  };

  // Behind every other unit in these lanes.
  void Add(const Entry& entry);
  // Before every other unit in these lanes.
  void AddFirst(const Entry& entry);
  // A unit was cut: its pieces take its place, in this order. Their lanes are lanes of the unit.
  void Replace(const Entry& entry, std::span<const Entry> pieces);
  // Settled, or no longer in order. A unit that is not here is ignored.
  void Remove(const Entry& entry);

  bool IsFirst(const Entry& entry) const;
  // Lanes in which any unit is.
  sending::Lanes held() const { return held_; }

 private:
  std::array<std::vector<uint64_t>, sending::kLaneCount> units_;
  sending::Lanes held_ = 0;
};

}  // namespace gapless::queue
