// PathClient: one path of one level of a queue, as its sender sees it. Private to the queue's .cc
// files.
#pragma once

#include "delivery/sender_path.h"
#include "delivery/sending_queue.h"

namespace gapless::delivery {

class SendingQueue::PathClient final : public SenderPath {
 public:
  PathClient(SendingQueue& queue, size_t level, size_t index, const QueueLevel& config)
      : SenderPath(config.paths[index]),
        queue_(queue),
        level_(level),
        index_(index),
        name_(config.name),
        alone_(config.paths.size() == 1) {}

  // The configuration it belongs to is gone: only late answers matter from now on.
  void Detach() { detached_ = true; }

  void OnAttempt(DeliveryId id, const AttemptResult& result) override {
    const auto unit = UnitOf(id);
    if (unit && !detached_) {
      queue_.OnAttempt(level_, index_, *unit, result);
    }
  }
  void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) override {
    const auto unit = TakeUnitOf(id);
    if (!unit) {
      return;
    }
    if (end == DeliveryEnd::kLate) {
      queue_.OnLate(detached_ ? queue_.LevelNamed(name_) : level_, alone_, *unit, result);
    } else {
      queue_.OnEnd(index_, *unit, end, result);
    }
  }
  void OnDialFailed(const Status& status) override { Tell(RouterEvent::Kind::kDialFailed, status); }
  void OnConnectionLost(const Status& status) override {
    Tell(RouterEvent::Kind::kConnectionLost, status);
  }
  void OnConnected() override { Tell(RouterEvent::Kind::kConnected, {}); }
  void OnRoom() override {
    if (!detached_) {
      queue_.Dispatch();
    }
  }

 private:
  void Tell(RouterEvent::Kind kind, const Status& status) {
    if (!detached_) {
      queue_.Feed({.kind = kind, .level = level_, .member = index_, .error = status.message()});
    }
  }

  SendingQueue& queue_;
  const size_t level_;
  const size_t index_;
  const std::string name_;
  const bool alone_;
  bool detached_ = false;
};

}  // namespace gapless::delivery
