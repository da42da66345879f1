// Pacer: how fast data may go out that has time. Pure; the caller brings the clock.
#pragma once

#include "base/loop.h"

#include <cstdint>

namespace gapless::queue {

// Over any stretch of time at most rate x time bytes and one unit more: each unit pays with a pause
// after it, and an idle time saves up nothing.
class Pacer {
 public:
  // Bytes per second; 0: no limit.
  explicit Pacer(uint64_t rate) : rate_(rate) {}

  void SetRate(uint64_t rate) { rate_ = rate; }
  bool Ready(TimePoint now) const { return rate_ == 0 || now >= next_; }
  // When the next unit may go; in the past: at once.
  TimePoint next() const { return next_; }
  void Spend(uint64_t bytes, TimePoint now);

 private:
  uint64_t rate_;
  TimePoint next_{};
};

}  // namespace gapless::queue
