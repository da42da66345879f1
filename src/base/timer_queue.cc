#include "base/timer_queue.h"

namespace gapless {

Timer::Timer(Timer&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)), id_(std::exchange(other.id_, 0)) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    Cancel();
    queue_ = std::exchange(other.queue_, nullptr);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void Timer::Cancel() {
  if (queue_) {
    std::exchange(queue_, nullptr)->Cancel(id_);
  }
}

bool Timer::armed() const { return queue_ && queue_->Contains(id_); }

Timer TimerQueue::Add(TimePoint when, Task task) {
  const uint64_t id = next_id_++;
  tasks_.emplace(std::pair(when, id), std::move(task));
  when_.emplace(id, when);
  return {this, id};
}

void TimerQueue::Cancel(uint64_t id) {
  const auto it = when_.find(id);
  if (it == when_.end()) {
    return;
  }
  // The task may own objects whose destructors cancel other timers: it dies after the maps are
  // consistent.
  auto node = tasks_.extract(std::pair(it->second, id));
  when_.erase(it);
}

std::optional<TimePoint> TimerQueue::Next() const {
  if (tasks_.empty()) {
    return std::nullopt;
  }
  return tasks_.begin()->first.first;
}

void TimerQueue::RunDue(TimePoint now) {
  const uint64_t end = next_id_;
  auto it = tasks_.begin();
  while (it != tasks_.end() && it->first.first <= now) {
    if (it->first.second >= end) {
      ++it;
      continue;
    }
    when_.erase(it->first.second);
    auto node = tasks_.extract(it);
    node.mapped()();
    it = tasks_.begin();
  }
}

}  // namespace gapless
