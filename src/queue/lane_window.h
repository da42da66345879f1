// LaneWindow: the oldest records of a backlog, by lane, so that the next one that no other holds up
// is found without looking at those that wait. A record of several lanes stands in each of them and
// may go when it is the first in all. Pure; home loop.
#pragma once

#include "journal/journal.h"
#include "sending/lanes.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace gapless::queue {

class LaneWindow {
 public:
  // Records in the window at the most; those behind wait until there is room.
  static constexpr size_t kRecordsMax = 65536;

  struct Slot {
    journal::Position position = 0;
    sending::Lanes lanes = 0;
  };

  // Positions rise from call to call.
  void Push(const journal::RecordInfo& info);
  // The record was taken wholly, or is gone.
  void Remove(const Slot& slot);
  // The same; nothing if it is not here. O(lanes).
  void Remove(journal::Position position);
  // So much of a record was taken; Remove comes with the last of it.
  void Took(const Slot& slot, uint64_t items, uint64_t bytes);

  // The oldest record that is first in all its lanes, none of which is in `busy`. One whose lanes
  // are all in `held` comes before older ones that need more.
  std::optional<Slot> First(sending::Lanes busy, sending::Lanes held) const;
  // About how much waits in lanes that are not in `busy`.
  uint64_t ItemsBeside(sending::Lanes busy) const;
  uint64_t BytesBeside(sending::Lanes busy) const;

  bool full() const { return records_ >= kRecordsMax; }
  // The first position that was never in the window.
  journal::Position end() const { return end_; }

 private:
  // First in, first out; the space of what was taken is given back in large pieces.
  struct Lane {
    size_t first = 0;
    std::vector<Slot> slots;
    uint64_t items = 0;  // of records whose lowest lane this is
    uint64_t bytes = 0;

    bool empty() const { return first == slots.size(); }
    const Slot& front() const { return slots[first]; }
    void Erase(journal::Position position);
  };
  // The place of records without a lane.
  static constexpr size_t kNoLane = sending::kLaneCount;
  static size_t HomeOf(sending::Lanes lanes);

  bool IsFirst(const Slot& slot) const;

  std::array<Lane, sending::kLaneCount + 1> lanes_;
  size_t records_ = 0;
  journal::Position end_ = 1;
};

}  // namespace gapless::queue
