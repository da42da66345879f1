// For tests and benchmarks: a Loop on real time that the main thread runs and other threads post
// to.
#pragma once

#include "base/timer_queue.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace gapless::journal {

class ThreadLoop final : public Loop {
 public:
  void Post(Task task) override {
    const std::lock_guard lock(mu_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  bool InThread() const override { return true; }
  TimePoint Now() const override {
    return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
  }
  WallTime WallNow() const override {
    return WallTime(std::chrono::system_clock::now().time_since_epoch());
  }
  Timer RunAt(TimePoint when, Task task) override { return timers_.Add(when, std::move(task)); }

  // Runs tasks and timers until `done`; false if that takes longer than `limit`.
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::seconds(10)) {
    const TimePoint deadline = Now() + limit;
    while (!done()) {
      if (Now() > deadline) {
        return false;
      }
      std::deque<Task> tasks;
      {
        std::unique_lock lock(mu_);
        wake_.wait_for(lock, std::chrono::milliseconds(20), [&] { return !tasks_.empty(); });
        tasks.swap(tasks_);
      }
      for (Task& task : tasks) {
        task();
      }
      timers_.RunDue(Now());
    }
    return true;
  }

 private:
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  TimerQueue timers_;
};

}  // namespace gapless::journal
