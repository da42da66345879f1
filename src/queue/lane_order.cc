#include "queue/lane_order.h"

#include <algorithm>

namespace gapless::queue {

void LaneOrder::Add(const Entry& entry) {
  sending::ForEachLane(entry.lanes, [&](size_t lane) { units_[lane].push_back(entry.unit); });
  held_ |= entry.lanes;
}

void LaneOrder::AddFirst(const Entry& entry) {
  sending::ForEachLane(entry.lanes,
                       [&](size_t lane) { units_[lane].insert(units_[lane].begin(), entry.unit); });
  held_ |= entry.lanes;
}

void LaneOrder::Replace(const Entry& entry, std::span<const Entry> pieces) {
  sending::ForEachLane(entry.lanes, [&](size_t lane) {
    std::vector<uint64_t>& units = units_[lane];
    const auto place = units.erase(std::ranges::find(units, entry.unit));
    std::vector<uint64_t> here;
    for (const Entry& piece : pieces) {
      if ((piece.lanes >> lane & 1) != 0) {
        here.push_back(piece.unit);
      }
    }
    units.insert(place, here.begin(), here.end());
    if (units.empty()) {
      held_ &= ~(sending::Lanes{1} << lane);
    }
  });
}

void LaneOrder::Remove(const Entry& entry) {
  sending::ForEachLane(entry.lanes, [&](size_t lane) {
    std::vector<uint64_t>& units = units_[lane];
    std::erase(units, entry.unit);
    if (units.empty()) {
      held_ &= ~(sending::Lanes{1} << lane);
    }
  });
}

bool LaneOrder::IsFirst(const Entry& entry) const {
  bool first = true;
  sending::ForEachLane(entry.lanes, [&](size_t lane) {
    first = first && !units_[lane].empty() && units_[lane].front() == entry.unit;
  });
  return first;
}

}  // namespace gapless::queue
