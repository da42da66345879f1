#include "queue/lane_window.h"

#include <algorithm>

namespace gapless::queue {
namespace {

// Slots of a lane that were taken and still use memory.
constexpr size_t kTakenMax = 1024;

bool Has(sending::Lanes lanes, size_t lane) {
  return lane < sending::kLaneCount && (lanes >> lane & 1) != 0;
}

}  // namespace

void LaneWindow::Lane::Erase(journal::Position position) {
  if (!empty() && front().position == position) {
    if (++first == slots.size() || first > kTakenMax) {
      slots.erase(slots.begin(), slots.begin() + static_cast<ptrdiff_t>(first));
      first = 0;
    }
    return;
  }
  std::erase_if(slots, [&](const Slot& slot) { return slot.position == position; });
}

size_t LaneWindow::HomeOf(sending::Lanes lanes) {
  return lanes == 0 ? kNoLane : static_cast<size_t>(std::countr_zero(lanes));
}

void LaneWindow::Push(const journal::RecordInfo& info) {
  const Slot slot{.position = info.position, .lanes = info.lanes};
  sending::ForEachLane(slot.lanes, [&](size_t lane) { lanes_[lane].slots.push_back(slot); });
  Lane& home = lanes_[HomeOf(slot.lanes)];
  if (slot.lanes == 0) {
    home.slots.push_back(slot);
  }
  home.items += info.items;
  home.bytes += info.bytes;
  end_ = info.position + 1;
  ++records_;
}

void LaneWindow::Remove(const Slot& slot) {
  sending::ForEachLane(slot.lanes, [&](size_t lane) { lanes_[lane].Erase(slot.position); });
  Lane& home = lanes_[HomeOf(slot.lanes)];
  if (slot.lanes == 0) {
    home.Erase(slot.position);
  }
  if (home.empty()) {
    home.items = 0;
    home.bytes = 0;
  }
  --records_;
}

void LaneWindow::Remove(journal::Position position) {
  for (const Lane& lane : lanes_) {
    const auto begin = lane.slots.begin() + static_cast<ptrdiff_t>(lane.first);
    const auto it =
        std::ranges::lower_bound(begin, lane.slots.end(), position, {}, &Slot::position);
    if (it != lane.slots.end() && it->position == position) {
      Remove(Slot(*it));
      return;
    }
  }
}

void LaneWindow::Took(const Slot& slot, uint64_t items, uint64_t bytes) {
  Lane& home = lanes_[HomeOf(slot.lanes)];
  home.items -= std::min(home.items, items);
  home.bytes -= std::min(home.bytes, bytes);
}

bool LaneWindow::IsFirst(const Slot& slot) const {
  bool first = true;
  sending::ForEachLane(slot.lanes, [&](size_t lane) {
    first = first && lanes_[lane].front().position == slot.position;
  });
  return first;
}

std::optional<LaneWindow::Slot> LaneWindow::First(sending::Lanes busy, sending::Lanes held) const {
  std::optional<Slot> best;
  bool best_fits = false;
  for (const Lane& lane : lanes_) {
    if (lane.empty()) {
      continue;
    }
    const Slot& slot = lane.front();
    const bool fits = (slot.lanes & ~held) == 0;
    const bool better = !best || (fits != best_fits ? fits : slot.position < best->position);
    if ((slot.lanes & busy) == 0 && better && IsFirst(slot)) {
      best = slot;
      best_fits = fits;
    }
  }
  return best;
}

uint64_t LaneWindow::ItemsBeside(sending::Lanes busy) const {
  uint64_t sum = 0;
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    sum += Has(busy, lane) ? 0 : lanes_[lane].items;
  }
  return sum;
}

uint64_t LaneWindow::BytesBeside(sending::Lanes busy) const {
  uint64_t sum = 0;
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    sum += Has(busy, lane) ? 0 : lanes_[lane].bytes;
  }
  return sum;
}

}  // namespace gapless::queue
