// RetainedRecords: confirmed records that stay readable for a while, within limits of time and of
// bytes, and how often each is held (retention.h).
//
// A journal says when nobody else needs a record: it is kept then, and freed when its last hold has
// ended. What a new limit releases goes kReleasedPerTurn at a time, each in a turn of the loop.
// Home loop.
#pragma once

#include "base/loop.h"
#include "journal/position_map.h"
#include "journal/retention.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace gapless::journal {

// What is kept: `bytes` count against the limit.
struct RetainedSize {
  Amount amount;
  uint64_t bytes = 0;

  void operator+=(const RetainedSize& other) {
    amount += other.amount;
    bytes += other.bytes;
  }
  void operator-=(const RetainedSize& other) {
    amount -= other.amount;
    bytes -= other.bytes;
  }
};

// A value: what a start found.
struct RetainedState {
  Retention retention;
  PositionMap<uint32_t> holds;  // of each held record: twice their number, and one if it is kept
  RetainedSize kept;

  // Holds the record once more. False: it was not held before.
  bool Hold(Position position);
  // `size_of`: counts a record as kept; none: somebody else needs it.
  void Restore(std::deque<Retention::Group> groups,
               const std::function<std::optional<RetainedSize>(Position)>& size_of);
};

class RetainedRecords {
 public:
  // Frees a record that was kept, and tells its size.
  using Free = std::move_only_function<RetainedSize(Position)>;

  // `home` outlives it.
  RetainedRecords(RetainedState state, Loop& home, Free free);

  // Off: all is released.
  void SetLimits(const RetentionLimits& limits);
  // The record was confirmed; ReaderBit of each who did. Nothing while it is off.
  void Note(Position position, uint64_t by);
  // Nobody else needs the record. False: nor does this, and the caller frees it.
  bool Keep(Position position, const RetainedSize& size);
  // Frees what is beyond the limit of bytes. To call when a record was kept.
  void Limit();
  // Somebody needs it again, or it is lost. True if it was kept.
  bool TakeBack(Position position, const RetainedSize& size);
  // It is lost: nothing holds it any more.
  void Forget(Position position) { state_.holds.EraseIfThere(position); }

  // Ends the oldest hold. False: there is none.
  bool LetGoOldest();
  // Frees so many bytes of what is kept, oldest first, or as much as a turn of the loop may take.
  // False: nothing is kept.
  bool GiveUp(uint64_t bytes);
  // Nothing ends by itself any more.
  void Stop();

  bool IsKept(Position position) const { return state_.holds.Find(position).value_or(0) % 2 == 1; }
  const RetainedSize& kept() const { return state_.kept; }
  const Retention& retention() const { return state_.retention; }

 private:
  void EndHold(Position position);
  // What is beyond a limit, a part per turn.
  void Release();

  RetainedState state_;
  Loop& home_;
  Free free_;
  uint64_t limit_ = UINT64_MAX;  // bytes
  bool stopped_ = false;
  Timer timer_;
};

}  // namespace gapless::journal
