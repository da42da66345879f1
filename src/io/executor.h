// Executor: where blocking work runs. ServiceThread: a named thread of its own; LoopExecutor: a
// loop, for tests and the simulator, where disk calls take no time.
#pragma once

#include "base/loop.h"
#include "base/mutex.h"

#include <condition_variable>
#include <deque>
#include <string>
#include <thread>

namespace gapless::io {

class Executor {
 public:
  virtual ~Executor() = default;
  // Thread-safe. Tasks run one after the other, in order.
  virtual void Post(Task task) = 0;
};

class ServiceThread final : public Executor {
 public:
  // `name`: at most 15 characters are shown by the kernel. The thread takes no signals.
  explicit ServiceThread(std::string name);
  // Runs what was posted, then ends the thread.
  ~ServiceThread() override;

  void Post(Task task) override;

 private:
  void Run();

  const std::string name_;
  Mutex mu_;
  std::condition_variable_any wake_;
  std::deque<Task> tasks_ GAPLESS_GUARDED_BY(mu_);
  bool stopping_ GAPLESS_GUARDED_BY(mu_) = false;
  std::jthread thread_;
};

class LoopExecutor final : public Executor {
 public:
  explicit LoopExecutor(Loop& loop) : loop_(loop) {}
  void Post(Task task) override { loop_.Post(std::move(task)); }

 private:
  Loop& loop_;
};

}  // namespace gapless::io
