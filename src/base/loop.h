// Loop: time, timers and the mailbox of one thread. The seam between pure code and the world.
//
// net/loop/worker.h implements it over an event loop and real time, base/sim_loop.h over simulated
// time. Everything that belongs to a loop is touched on its thread only; Post is the only door
// between threads.
#pragma once

#include "base/status.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace gapless {

// Monotonic time; never compared between machines.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// Wall time, for records and logs.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

using Task = std::move_only_function<void()>;

class TimerQueue;

// A pending timer. Destroying it cancels it. Must be destroyed on its loop's thread and before its
// loop.
class Timer {
 public:
  Timer() = default;
  Timer(TimerQueue* queue, uint64_t id) : queue_(queue), id_(id) {}
  Timer(Timer&& other) noexcept;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { Cancel(); }

  void Cancel();
  // True from creation until it fired or was cancelled.
  bool armed() const;

 private:
  TimerQueue* queue_ = nullptr;
  uint64_t id_ = 0;
};

class Loop {
 public:
  virtual ~Loop() = default;

  // Thread-safe.
  virtual void Post(Task task) = 0;
  virtual bool InThread() const = 0;

  // On the loop's thread only. Now() is the time at which the current turn began: cheap, and equal
  // within a turn.
  virtual TimePoint Now() const = 0;
  virtual WallTime WallNow() const = 0;
  // Runs `task` on a later turn, not before `when`. Timers with equal times fire in order of
  // creation.
  [[nodiscard]] virtual Timer RunAt(TimePoint when, Task task) = 0;

  [[nodiscard]] Timer RunAfter(Duration delay, Task task) {
    return RunAt(Now() + delay, std::move(task));
  }
  // Destroys `object` on a later turn: for objects that end inside their own callback.
  template <typename T>
  void DeferDelete(std::unique_ptr<T> object) {
    Post([object = std::move(object)] {});
  }

  // The loop whose task is running on this thread; null elsewhere. Set by implementations.
  static Loop* Current();

 protected:
  static void SetCurrent(Loop* loop);
};

}  // namespace gapless
