// WallLoop: a simulated loop whose wall clock can be set, as an operator or NTP does.
#pragma once

#include "base/loop.h"

#include <utility>

namespace gapless::sim {

class WallLoop final : public Loop {
 public:
  explicit WallLoop(Loop& loop) : loop_(loop) {}

  // Sets the wall clock forward, or back. Timers do not notice.
  void Jump(Duration by) { offset_ += by; }

  void Post(Task task) override { loop_.Post(std::move(task)); }
  bool InThread() const override { return loop_.InThread(); }
  TimePoint Now() const override { return loop_.Now(); }
  WallTime WallNow() const override { return loop_.WallNow() + offset_; }
  Timer RunAt(TimePoint when, Task task) override { return loop_.RunAt(when, std::move(task)); }

 private:
  Loop& loop_;
  Duration offset_{};
};

}  // namespace gapless::sim
