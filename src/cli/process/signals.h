// SignalWatch: signals as events of a worker. Open before any thread starts: it blocks them in all
// threads.
#pragma once

#include "base/status.h"
#include "net/loop/fd.h"
#include "net/loop/worker.h"

#include <functional>
#include <initializer_list>

namespace gapless::cli {

class SignalWatch {
 public:
  static Result<SignalWatch> Open(std::initializer_list<int> numbers);
  // `handler` runs on the worker, which outlives the watch.
  void Start(net::Worker& worker, std::move_only_function<void(int number)> handler);

 private:
  explicit SignalWatch(net::Fd fd) : fd_(std::move(fd)) {}
  net::Fd fd_;
  net::IoWatch watch_;
};

}  // namespace gapless::cli
