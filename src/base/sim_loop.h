// A Loop on simulated time: single-threaded, deterministic, for tests and the simulator.
#pragma once

#include "base/timer_queue.h"

#include <deque>

namespace gapless {

class SimLoop final : public Loop {
 public:
  SimLoop();
  ~SimLoop() override;
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  bool InThread() const override { return true; }
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override { return WallTime(now_.time_since_epoch()); }
  Timer RunAt(TimePoint when, Task task) override { return timers_.Add(when, std::move(task)); }

  // Runs posted tasks until none is left, without moving time.
  void RunPosted();
  // Moves time to the next timer and runs what is due; false if there is no timer.
  bool RunNextTimer();
  // Runs everything that is due until `duration` from now, then stands there.
  void AdvanceBy(Duration duration);

 private:
  TimerQueue timers_;
  std::deque<Task> tasks_;
  TimePoint now_{std::chrono::hours(24)};
};

}  // namespace gapless
