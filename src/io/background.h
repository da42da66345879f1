// Background: blocking work beside a loop, several pieces at once, on service threads that end when
// all of it is done. Where others want a processor, too, they go first. On the loop's thread.
#pragma once

#include "base/lifetime.h"
#include "io/executor.h"

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace gapless::io {

class Background {
 public:
  // `idle` is called each time when all that was begun has ended. `loop` outlives it.
  Background(Loop& loop, std::string name, size_t at_once, std::function<void()> idle)
      : loop_(loop), name_(std::move(name)), at_once_(at_once), idle_(std::move(idle)) {}
  // Cancels, and waits for what runs.
  ~Background() { Cancel(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // `work(stop_token)` on a thread, then `then(value)` here.
  template <typename Work, typename Then>
  void Run(Work work, Then then) {
    if (threads_.size() < at_once_) {
      threads_.push_back(std::make_unique<ServiceThread>(name_));
    }
    ++running_;
    auto end = lifetime_.Guard([this, then = std::move(then)](auto value) mutable {
      then(std::move(value));
      if (--running_ == 0) {
        threads_.clear();
        idle_();
      }
    });
    threads_[begun_++ % threads_.size()]->Post([&loop = loop_, work = std::move(work),
                                                end = std::move(end),
                                                stop = stop_.get_token()]() mutable {
      StepBack();
      loop.Post([value = work(stop), end = std::move(end)]() mutable { end(std::move(value)); });
    });
  }
  bool busy() const { return running_ > 0; }
  // What runs is asked to stop; nothing is called any more.
  void Cancel() {
    stop_.request_stop();
    lifetime_.Renew();
  }

 private:
  static constexpr int kNiceness = 10;
  static void StepBack();

  Loop& loop_;
  const std::string name_;
  const size_t at_once_;
  const std::function<void()> idle_;
  std::stop_source stop_;
  size_t begun_ = 0;
  size_t running_ = 0;
  Lifetime lifetime_;
  std::vector<std::unique_ptr<ServiceThread>> threads_;
};

}  // namespace gapless::io
