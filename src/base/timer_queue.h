// The timers of one loop, ordered by time and then by creation. Not thread-safe: the loop's thread
// only.
#pragma once

#include "base/loop.h"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace gapless {

class TimerQueue {
 public:
  Timer Add(TimePoint when, Task task);
  void Cancel(uint64_t id);
  bool Contains(uint64_t id) const { return when_.contains(id); }
  // When the earliest timer is due.
  std::optional<TimePoint> Next() const;
  // Runs what is due at `now`, except timers added meanwhile (so a timer of zero delay cannot
  // starve the loop).
  void RunDue(TimePoint now);

 private:
  std::map<std::pair<TimePoint, uint64_t>, Task> tasks_;
  std::unordered_map<uint64_t, TimePoint> when_;
  uint64_t next_id_ = 1;
};

}  // namespace gapless
