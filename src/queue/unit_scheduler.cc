#include "queue/unit_scheduler.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {

Unit& UnitScheduler::Make(UnitParts parts, size_t levels) {
  const uint64_t id = next_id_++;
  Unit& unit = units_[id];
  unit.id = id;
  unit.parts = std::move(parts);
  for (const UnitPart& part : unit.parts) {
    unit.items += part.count;
    unit.lanes |= part.lanes;
  }
  unit.tracks.resize(levels);
  return unit;
}

Unit& UnitScheduler::Add(UnitParts parts, size_t levels) {
  Unit& unit = Make(std::move(parts), levels);
  order_.Add({.unit = unit.id, .lanes = unit.lanes});
  return unit;
}

Unit* UnitScheduler::Find(uint64_t id) {
  const auto it = units_.find(id);
  return it == units_.end() ? nullptr : &it->second;
}

void UnitScheduler::ForEach(const Visit& visit) {
  for (auto& [id, unit] : units_) {
    visit(unit);
  }
}

Unit* UnitScheduler::HolderOf(journal::Position position) {
  const auto holder = std::ranges::find_if(units_, [position](const auto& entry) {
    const UnitParts& parts = entry.second.parts;
    return std::ranges::find(parts, position, &UnitPart::position) != parts.end();
  });
  return holder == units_.end() ? nullptr : &holder->second;
}

void UnitScheduler::Remove(uint64_t id) {
  const auto it = units_.find(id);
  Take(it->second);
  LeaveLanes(it->second);
  Empty(it->second);
  units_.erase(it);
}

void UnitScheduler::Fill(Unit& unit, otlp::Batch batch) {
  unit.batch = std::move(batch);
  unit.items = unit.batch.items;
  unit.bytes = unit.batch.raw_size;
  unit.loaded = true;
  held_bytes_ += unit.bytes;
}

void UnitScheduler::Empty(Unit& unit) {
  if (std::exchange(unit.loaded, false)) {
    unit.batch = {};
    held_bytes_ -= unit.bytes;
  }
}

void UnitScheduler::Clear() {
  units_.clear();
  held_bytes_ = 0;
  order_ = {};
  asides_ = 0;
  ready_.clear();
  resting_.clear();
  parked_.clear();
  parked_size_ = 0;
}

void UnitScheduler::Cut(uint64_t id, std::vector<UnitParts> pieces) {
  Unit& unit = units_.at(id);
  const LaneOrder::Entry whole{.unit = id, .lanes = unit.lanes};
  const size_t levels = unit.tracks.size();
  std::vector<LaneOrder::Entry> entries;
  std::vector<uint64_t> ids;
  for (UnitParts& piece : pieces) {
    Unit& part = Make(std::move(piece), levels);
    part.copies = unit.copies;
    part.aside = unit.aside;
    part.parked = unit.parked;
    asides_ += part.aside ? 1 : 0;
    part.lanes &= whole.lanes;  // none if it has left the order
    part.waits = Unit::Waits::kReady;
    entries.push_back({.unit = part.id, .lanes = part.lanes});
    ids.push_back(part.id);
  }
  if (!unit.aside && !unit.parked) {
    order_.Replace(whole, entries);
  }
  ready_.insert(ready_.begin(), ids.begin(), ids.end());
  Remove(id);
}

void UnitScheduler::Wait(Unit& unit, bool first) {
  Take(unit);
  unit.waits = Unit::Waits::kReady;
  if (first) {
    ready_.push_front(unit.id);
  } else {
    ready_.push_back(unit.id);
  }
}

void UnitScheduler::Rest(Unit& unit, TimePoint until) {
  Take(unit);
  Empty(unit);
  unit.waits = Unit::Waits::kResting;
  resting_.emplace(until, unit.id);
}

void UnitScheduler::Park(Unit& unit, double size) {
  Take(unit);
  if (!std::exchange(unit.parked, true)) {
    LeaveLanes(unit);
  }
  unit.waits = Unit::Waits::kParked;
  Empty(unit);
  unit.parked_size = size;
  parked_.push_back(unit.id);
  parked_size_ += size;
}

void UnitScheduler::Unpark() {
  for (const uint64_t id : parked_) {
    units_.at(id).waits = Unit::Waits::kReady;
  }
  ready_.insert(ready_.begin(), parked_.begin(), parked_.end());
  parked_.clear();
  parked_size_ = 0;
}

void UnitScheduler::SortReady() { std::ranges::sort(ready_); }

std::optional<TimePoint> UnitScheduler::EndRest(TimePoint now) {
  while (!resting_.empty() && resting_.begin()->first <= now) {
    Wait(units_.at(resting_.begin()->second), /*first=*/false);
  }
  return resting_.empty() ? std::nullopt : std::optional(resting_.begin()->first);
}

void UnitScheduler::ForEachReady(const Visit& visit) {
  for (const uint64_t id : std::vector(ready_.begin(), ready_.end())) {
    Unit* unit = Find(id);
    if (unit != nullptr && unit->waits == Unit::Waits::kReady) {
      visit(*unit);
    }
  }
}

Unit* UnitScheduler::OldestParked() {
  return parked_.empty() ? nullptr : &units_.at(parked_.front());
}

void UnitScheduler::Take(Unit& unit) {
  switch (std::exchange(unit.waits, Unit::Waits::kNo)) {
    case Unit::Waits::kNo:
      return;
    case Unit::Waits::kReady:
      ready_.erase(std::ranges::find(ready_, unit.id));
      return;
    case Unit::Waits::kResting:
      std::erase_if(resting_, [&](const auto& entry) { return entry.second == unit.id; });
      return;
    case Unit::Waits::kParked:
      parked_.erase(std::ranges::find(parked_, unit.id));
      parked_size_ -= unit.parked_size;
      return;
  }
}

Unit* UnitScheduler::FindWaiting(const Wanted& wanted) {
  for (const uint64_t id : ready_) {
    if (wanted(units_.at(id))) {
      return &units_.at(id);
    }
  }
  for (const auto& [until, id] : resting_) {
    if (wanted(units_.at(id))) {
      return &units_.at(id);
    }
  }
  for (const uint64_t id : parked_) {
    if (wanted(units_.at(id))) {
      return &units_.at(id);
    }
  }
  return nullptr;
}

bool UnitScheduler::IsItsTurn(const Unit& unit) const {
  return unit.aside || unit.parked || order_.IsFirst({.unit = unit.id, .lanes = unit.lanes});
}

void UnitScheduler::SetAside(Unit& unit) {
  if (!unit.parked && !std::exchange(unit.aside, true)) {
    order_.Remove({.unit = unit.id, .lanes = unit.lanes});
    ++asides_;
    Empty(unit);
  }
}

sending::Lanes UnitScheduler::aside_lanes() const {
  sending::Lanes lanes = 0;
  for (auto it = units_.begin(); asides_ > 0 && it != units_.end(); ++it) {
    lanes |= it->second.aside ? it->second.lanes : 0;
  }
  return lanes;
}

void UnitScheduler::BringBack() {
  if (asides_ == 0) {
    return;
  }
  for (auto it = units_.rbegin(); it != units_.rend(); ++it) {
    Unit& unit = it->second;
    if (!std::exchange(unit.aside, false)) {
      continue;
    }
    order_.AddFirst({.unit = unit.id, .lanes = unit.lanes});
    if (unit.waits == Unit::Waits::kResting) {
      Wait(unit, /*first=*/true);
    }
  }
  asides_ = 0;
}

void UnitScheduler::LeaveOrder(Unit& unit) {
  LeaveLanes(unit);
  unit.lanes = 0;
}

void UnitScheduler::LeaveLanes(Unit& unit) {
  asides_ -= std::exchange(unit.aside, false) ? 1 : 0;
  order_.Remove({.unit = unit.id, .lanes = unit.lanes});
}

}  // namespace gapless::queue
