#include "base/sim_loop.h"

#include <algorithm>

namespace gapless {

SimLoop::SimLoop() { SetCurrent(this); }

SimLoop::~SimLoop() { SetCurrent(nullptr); }

void SimLoop::RunPosted() {
  while (!tasks_.empty()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
}

bool SimLoop::RunNextTimer() {
  RunPosted();
  const auto next = timers_.Next();
  if (!next) {
    return false;
  }
  now_ = std::max(now_, *next);
  timers_.RunDue(now_);
  RunPosted();
  return true;
}

void SimLoop::AdvanceBy(Duration duration) {
  const TimePoint end = now_ + duration;
  RunPosted();
  while (true) {
    const auto next = timers_.Next();
    if (!next || *next > end) {
      break;
    }
    RunNextTimer();
  }
  now_ = end;
  RunPosted();
}

}  // namespace gapless
