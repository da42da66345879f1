#include "delivery/lane_window.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace gapless::delivery {
namespace {

// Slots of a lane that were taken and still use memory.
constexpr size_t kTakenMax = 1024;

}  // namespace

Lanes LanesOf(const journal::RecordInfo& info) {
  if (!info.metadata) {
    return info.lanes;
  }
  size_t hash = 0;
  for (const auto& [name, value] : *info.metadata) {
    hash = hash * 31 + std::hash<std::string_view>()(value);
  }
  return std::rotl(info.lanes, static_cast<int>(hash % kLaneCount));
}

void LaneGroup::Lane::Erase(journal::Position position) {
  if (!empty() && front().position == position) {
    if (++first == slots.size() || first > kTakenMax) {
      slots.erase(slots.begin(), slots.begin() + static_cast<ptrdiff_t>(first));
      first = 0;
    }
    return;
  }
  std::erase_if(slots, [&](const Slot& slot) { return slot.position == position; });
}

uint8_t LaneGroup::HomeOf(Lanes lanes) {
  return lanes == 0 ? kNoLane : static_cast<uint8_t>(std::countr_zero(lanes));
}

LaneGroup::Lane& LaneGroup::At(uint8_t index) {
  if (places_[index] == 0) {
    lanes_.push_back({.index = index, .slots = {}});
    places_[index] = static_cast<uint8_t>(lanes_.size());
  }
  return lanes_[places_[index] - 1u];
}

const LaneGroup::Lane* LaneGroup::Look(uint8_t index) const {
  return places_[index] == 0 ? nullptr : &lanes_[places_[index] - 1u];
}

void LaneGroup::Push(const journal::RecordInfo& info) {
  const Slot slot{.position = info.position, .lanes = LanesOf(info)};
  ForEachLane(slot.lanes,
              [&](size_t lane) { At(static_cast<uint8_t>(lane)).slots.push_back(slot); });
  Lane& home = At(HomeOf(slot.lanes));
  if (slot.lanes == 0) {
    home.slots.push_back(slot);
  }
  home.items += info.items;
  home.bytes += info.bytes;
  ++records_;
}

void LaneGroup::Remove(const Slot& slot) {
  ForEachLane(slot.lanes,
              [&](size_t lane) { At(static_cast<uint8_t>(lane)).Erase(slot.position); });
  Lane& home = At(HomeOf(slot.lanes));
  if (slot.lanes == 0) {
    home.Erase(slot.position);
  }
  if (home.empty()) {
    home.items = 0;
    home.bytes = 0;
  }
  --records_;
}

void LaneGroup::Took(const Slot& slot, uint64_t items, uint64_t bytes) {
  Lane& home = At(HomeOf(slot.lanes));
  home.items -= std::min(home.items, items);
  home.bytes -= std::min(home.bytes, bytes);
}

bool LaneGroup::IsFirst(const Slot& slot) const {
  bool first = true;
  ForEachLane(slot.lanes, [&](size_t lane) {
    first = first && Look(static_cast<uint8_t>(lane))->front().position == slot.position;
  });
  return first;
}

std::optional<LaneGroup::Slot> LaneGroup::First(Lanes busy, Lanes held) const {
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

std::optional<LaneGroup::Slot> LaneGroup::Find(journal::Position position) const {
  for (const Lane& lane : lanes_) {
    const auto it =
        std::ranges::lower_bound(lane.slots.begin() + static_cast<ptrdiff_t>(lane.first),
                                 lane.slots.end(), position, {}, &Slot::position);
    if (it != lane.slots.end() && it->position == position) {
      return *it;
    }
  }
  return std::nullopt;
}

uint64_t LaneGroup::ItemsBeside(Lanes busy) const {
  uint64_t sum = 0;
  for (const Lane& lane : lanes_) {
    sum += lane.index < kLaneCount && (busy >> lane.index & 1) != 0 ? 0 : lane.items;
  }
  return sum;
}

uint64_t LaneGroup::BytesBeside(Lanes busy) const {
  uint64_t sum = 0;
  for (const Lane& lane : lanes_) {
    sum += lane.index < kLaneCount && (busy >> lane.index & 1) != 0 ? 0 : lane.bytes;
  }
  return sum;
}

void LaneWindow::Push(const journal::RecordInfo& info) {
  static const otlp::Metadata none;
  const otlp::Metadata& metadata = info.metadata ? *info.metadata : none;
  groups_[metadata].Push(info);
  end_ = info.position + 1;
  ++records_;
}

void LaneWindow::Remove(LaneGroup& group, const LaneGroup::Slot& slot) {
  group.Remove(slot);
  --records_;
  emptied_ = emptied_ || group.records() == 0;
}

void LaneWindow::Remove(journal::Position position) {
  if (position >= end_) {
    return;
  }
  for (auto& [metadata, group] : groups_) {
    if (const auto slot = group.Find(position)) {
      Remove(group, *slot);
      return;
    }
  }
}

// One stays, which most queues have: it comes and goes with every record.
void LaneWindow::Prune() {
  if (std::exchange(emptied_, false) && groups_.size() > 1) {
    std::erase_if(groups_, [](const auto& entry) { return entry.second.records() == 0; });
  }
}

}  // namespace gapless::delivery
