// Retention: which confirmed records stay readable for a while, by the time of their confirmation
// and by who confirmed them. The pure core that all journals share.
//
// Kept in groups of neighbours in time, each a few intervals of positions: a million records cost
// little more than ten. What a group holds goes together, so limits of time are kept to a 32nd. The
// owner of the records counts how often each is held (Note, Pop). A value type; one thread.
#pragma once

#include "base/loop.h"
#include "journal/interval_set.h"
#include "journal/journal.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace gapless::journal {

class Retention {
 public:
  // Records that the same readers confirmed between two times.
  struct Group {
    WallTime first;
    WallTime last;
    uint64_t by = 0;  // ReaderBit of each
    IntervalSet positions;
  };

  // Everything confirmed from `now` on is noted; what there is stays until it is due.
  void SetTime(Duration time, WallTime now);
  bool on() const { return time_ > Duration::zero(); }

  // True if this holds the record once more: to be paid back by a Pop. Precondition: on().
  bool Note(Position position, uint64_t by, WallTime now);
  // The oldest hold. None: there is none.
  std::optional<Position> Pop();
  // The oldest hold if it is older than the time.
  std::optional<Position> PopDue(WallTime now);
  // When PopDue has something at the earliest.
  std::optional<WallTime> due() const;
  bool empty() const { return groups_.empty(); }

  IntervalSet Find(const RetainedQuery& query) const;
  // Everything confirmed since then is held; none: nothing is, and nothing will be.
  std::optional<WallTime> complete_since() const;

  const std::deque<Group>& groups() const { return groups_; }
  // What a checkpoint held: before anything is noted.
  void Restore(std::deque<Group> groups);

 private:
  bool IsDue(const Group& group, WallTime now) const;

  Duration time_{};
  std::deque<Group> groups_;  // by `first`
  std::optional<WallTime> complete_since_;
};

// Holds that end in one turn of the loop.
inline constexpr size_t kReleasedPerTurn = 1000;
// How long to sleep until something is due; a clock that was set must not make that long.
Duration UntilDue(WallTime due, WallTime now);
std::vector<Position> ToPositions(const IntervalSet& set);

}  // namespace gapless::journal
