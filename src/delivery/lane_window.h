// LaneWindow: the oldest records of a backlog, by lane, so that the next one that no other holds up
// is found without looking at those that wait.
//
// Records are grouped by their kept metadata: only the records of one group may share a unit, and
// order is kept within a group. A record of several lanes stands in each of them and may go when it
// is the first in all. Pure; home loop.
#pragma once

#include "delivery/lanes.h"
#include "journal/journal.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace gapless::delivery {

// The lanes of a record: those of its resources, moved by the values of its kept metadata, so that
// one resource of two tenants is not one lane.
Lanes LanesOf(const journal::RecordInfo& info);

// The records of one group that are in the window.
class LaneGroup {
 public:
  struct Slot {
    journal::Position position = 0;
    Lanes lanes = 0;
  };

  // Positions rise from call to call.
  void Push(const journal::RecordInfo& info);
  // The record was taken wholly, or is gone.
  void Remove(const Slot& slot);
  // So much of a record was taken; Remove comes with the last of it.
  void Took(const Slot& slot, uint64_t items, uint64_t bytes);

  // The oldest record that is first in all its lanes, none of which is in `busy`. One whose lanes
  // are all in `held` comes before older ones that need more.
  std::optional<Slot> First(Lanes busy, Lanes held) const;
  // The slot of a record; O(records of the group).
  std::optional<Slot> Find(journal::Position position) const;
  // About how much waits in lanes that are not in `busy`.
  uint64_t ItemsBeside(Lanes busy) const;
  uint64_t BytesBeside(Lanes busy) const;
  size_t records() const { return records_; }

 private:
  // First in, first out; the space of what was taken is given back in large pieces.
  struct Lane {
    uint8_t index = 0;
    size_t first = 0;
    std::vector<Slot> slots;
    uint64_t items = 0;  // of records whose lowest lane this is
    uint64_t bytes = 0;

    bool empty() const { return first == slots.size(); }
    const Slot& front() const { return slots[first]; }
    void Erase(journal::Position position);
  };
  // The index of records without a lane.
  static constexpr uint8_t kNoLane = kLaneCount;
  static uint8_t HomeOf(Lanes lanes);

  Lane& At(uint8_t index);
  const Lane* Look(uint8_t index) const;
  bool IsFirst(const Slot& slot) const;

  std::vector<Lane> lanes_;
  std::array<uint8_t, kLaneCount + 1> places_{};  // in lanes_, plus one; 0: none yet
  size_t records_ = 0;
};

class LaneWindow {
 public:
  // Records in the window at the most; those behind wait until there is room.
  static constexpr size_t kRecordsMax = 65536;

  // Positions rise from call to call.
  void Push(const journal::RecordInfo& info);
  // The record was taken wholly, or is gone. The group stays until Prune.
  void Remove(LaneGroup& group, const LaneGroup::Slot& slot);
  // A record that left by another way; nothing if it is not here. O(lanes of all groups).
  void Remove(journal::Position position);
  // Forgets groups that have no record left.
  void Prune();

  bool full() const { return records_ >= kRecordsMax; }
  // The first position that was never in the window.
  journal::Position end() const { return end_; }
  std::map<otlp::Metadata, LaneGroup>& groups() { return groups_; }

 private:
  std::map<otlp::Metadata, LaneGroup> groups_;
  size_t records_ = 0;
  bool emptied_ = false;
  journal::Position end_ = 1;
};

}  // namespace gapless::delivery
