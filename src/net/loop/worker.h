// Worker: one thread with an event loop over epoll: mailbox, timers and readiness of file
// descriptors.
//
// A connection, its streams and its timers live on one worker for life; Post is the only door
// between threads. One turn: wait for events (until the next timer), refresh Now(), run I/O
// callbacks, due timers, then the mailbox.
#pragma once

#include "base/loop.h"
#include "base/mutex.h"
#include "base/timer_queue.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace gapless::net {

class Worker;

// What a watched descriptor is ready for, and what to watch for. Flags.
enum IoEvents : uint32_t {
  kIoNone = 0,
  kIoRead = 1,
  kIoWrite = 2,
  kIoError = 4,    // reported only: error or hang-up; read or write to learn which
  kIoHangup = 16,  // reported only: the peer ended its direction
  // Watch only: edge-triggered. The callback runs once per change, so read or write until EAGAIN.
  kIoEdge = 8,
};

// Receives readiness. Called on the worker's thread. May destroy its own watch.
using IoCallback = std::move_only_function<void(uint32_t events)>;

// A watched descriptor. Destroying it ends the watch (before the descriptor is closed) and no
// callback follows. Worker's thread only; must not outlive the worker.
class IoWatch {
 public:
  IoWatch() = default;
  IoWatch(IoWatch&& other) noexcept;
  IoWatch& operator=(IoWatch&& other) noexcept;
  ~IoWatch() { Reset(); }

  void Update(uint32_t interest);
  void Reset();
  bool active() const { return entry_ != nullptr; }

 private:
  friend class Worker;
  struct Entry;
  IoWatch(Worker* worker, Entry* entry) : worker_(worker), entry_(entry) {}
  Worker* worker_ = nullptr;
  Entry* entry_ = nullptr;
};

class Worker final : public Loop {
 public:
  // `name` names the thread (15 characters are visible). `index` is this worker's place in the
  // process's worker list.
  explicit Worker(std::string name = "worker", size_t index = 0);
  // Stops and joins. Tasks that never ran are destroyed on the destroying thread.
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Until Start or Run, the constructing thread counts as the loop's thread (for setting up).
  void Start();
  // Runs the loop on the caller's thread until Stop.
  void Run();
  // Runs the loop on the caller's thread until `done` holds (checked after each turn) or `timeout`
  // passed; whether it held. For tests and short-lived tools.
  bool RunUntil(std::move_only_function<bool()> done, Duration timeout);
  // Thread-safe. The loop ends after the tasks that are already in the mailbox; timers do not fire
  // any more.
  void Stop();
  // Waits for the thread of Start. Afterwards the caller's thread counts as the loop's thread (for
  // tearing down).
  void Join();

  size_t index() const { return index_; }
  const std::string& name() const { return name_; }

  // Loop.
  void Post(Task task) override;
  bool InThread() const override { return std::this_thread::get_id() == owner_.load(); }
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override;
  [[nodiscard]] Timer RunAt(TimePoint when, Task task) override;

  // On this thread: runs `task` in the next turn, which comes at once, after what is ready then.
  // For long work that is done in parts, so that others get their turns in between.
  void RunNextTurn(Task task);

  // `interest` is a set of kIoRead, kIoWrite and kIoEdge. The caller keeps `fd` and must end the
  // watch before closing it.
  [[nodiscard]] IoWatch Watch(int fd, uint32_t interest, IoCallback callback);

 private:
  friend class IoWatch;
  void Turn(Duration max_wait);
  void Wake();
  bool RunMailbox();
  void RunLongWork();
  void Unwatch(IoWatch::Entry* entry);
  bool MailboxEmpty();

  const std::string name_;
  const size_t index_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<std::thread::id> owner_;
  std::atomic<bool> stop_{false};
  TimePoint now_;
  TimerQueue timers_;
  std::deque<Task> next_turn_;
  std::vector<std::unique_ptr<IoWatch::Entry>>
      graveyard_;  // ended in this turn: events may still point here

  Mutex mutex_;
  std::vector<Task> mailbox_ GAPLESS_GUARDED_BY(mutex_);
  bool wake_pending_ GAPLESS_GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

}  // namespace gapless::net
