#include "queue/unit_scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gapless::queue {
namespace {

// Older units are less. Not so their ids: the pieces of a unit are younger than it was.
std::pair<journal::Position, uint32_t> AgeOf(const Unit& unit) {
  return {unit.parts.front().position, unit.parts.front().first};
}

}  // namespace

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
  memory_.Empty(it->second);
  units_.erase(it);
}

void UnitScheduler::Clear() {
  units_.clear();
  memory_.Clear();
  order_ = {};
  asides_ = 0;
  ready_.clear();
  resting_.clear();
  parked_.clear();
  parked_size_ = 0;
}

std::vector<Unit*> UnitScheduler::Cut(uint64_t id, std::vector<UnitParts> pieces) {
  Unit& unit = units_.at(id);
  const LaneOrder::Entry whole{.unit = id, .lanes = unit.lanes};
  const size_t levels = unit.tracks.size();
  std::vector<LaneOrder::Entry> entries;
  std::vector<uint64_t> ids;
  std::vector<Unit*> parts;
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
    parts.push_back(&part);
  }
  if (!unit.aside && !unit.parked) {
    order_.Replace(whole, entries);
  }
  ready_.insert(ready_.begin(), ids.begin(), ids.end());
  Remove(id);
  return parts;
}

void UnitScheduler::Wait(Unit& unit, Place place) {
  Take(unit);
  unit.waits = Unit::Waits::kReady;
  auto before = place == Place::kFirst ? ready_.begin() : ready_.end();
  while (place == Place::kByAge && before != ready_.begin() &&
         AgeOf(units_.at(*std::prev(before))) > AgeOf(unit)) {
    --before;  // from the youngest: most are taken back in the order of their age
  }
  ready_.insert(before, unit.id);
}

void UnitScheduler::Rest(Unit& unit, TimePoint until) {
  Take(unit);
  memory_.Empty(unit);
  unit.waits = Unit::Waits::kResting;
  resting_.emplace(until, unit.id);
}

void UnitScheduler::Park(Unit& unit, double size) {
  Take(unit);
  if (!std::exchange(unit.parked, true)) {
    LeaveLanes(unit);
  }
  unit.waits = Unit::Waits::kParked;
  memory_.Empty(unit);
  parked_.push_back({.unit = unit.id, .size = size});
  parked_size_ += size;
}

void UnitScheduler::Unpark() {
  for (auto parked = parked_.rbegin(); parked != parked_.rend(); ++parked) {
    units_.at(parked->unit).waits = Unit::Waits::kReady;
    ready_.push_front(parked->unit);
  }
  parked_.clear();
  parked_size_ = 0;
}

std::optional<TimePoint> UnitScheduler::EndRest(TimePoint now) {
  while (!resting_.empty() && resting_.begin()->first <= now) {
    Wait(units_.at(resting_.begin()->second), Place::kLast);
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

Unit* UnitScheduler::ParkedBeyond(double size) {
  return parked_size_ > size ? &units_.at(parked_.front().unit) : nullptr;
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
    case Unit::Waits::kParked: {
      const auto parked = std::ranges::find(parked_, unit.id, &Parked::unit);
      parked_size_ -= parked->size;
      parked_.erase(parked);
      return;
    }
  }
}

Unit* UnitScheduler::FindWaiting(const Wanted& wanted) {
  Unit* oldest = nullptr;
  for (auto& [id, unit] : units_) {
    const bool older = oldest == nullptr || AgeOf(unit) < AgeOf(*oldest);
    if (unit.waits != Unit::Waits::kNo && older && wanted(unit)) {
      oldest = &unit;
    }
  }
  return oldest;
}

bool UnitScheduler::IsItsTurn(const Unit& unit) const {
  return unit.aside || unit.parked || order_.IsFirst({.unit = unit.id, .lanes = unit.lanes});
}

void UnitScheduler::SetAside(Unit& unit) {
  if (!unit.parked && !std::exchange(unit.aside, true)) {
    order_.Remove({.unit = unit.id, .lanes = unit.lanes});
    ++asides_;
    memory_.Empty(unit);
  }
}

sending::Lanes UnitScheduler::aside_lanes() const {
  sending::Lanes lanes = 0;
  for (auto it = units_.begin(); asides_ > 0 && it != units_.end(); ++it) {
    lanes |= it->second.aside ? it->second.lanes : 0;
  }
  return lanes;
}

void UnitScheduler::BringBack(size_t level) {
  std::vector<Unit*> youngest_first;
  for (auto& [id, unit] : units_) {
    UnitTrack& track = unit.tracks[level];
    track.rejected = track.rejected && track.certain;
    if (std::exchange(unit.aside, false)) {
      youngest_first.push_back(&unit);
    }
  }
  std::ranges::sort(youngest_first, std::greater(), [](const Unit* unit) { return AgeOf(*unit); });
  for (Unit* unit : youngest_first) {
    order_.AddFirst({.unit = unit->id, .lanes = unit->lanes});
    if (unit->waits == Unit::Waits::kResting) {
      Wait(*unit, Place::kFirst);
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
