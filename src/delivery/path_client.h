// PathClient: one path of one level of a queue, as its sender sees it. Private to the queue's .cc
// files.
#pragma once

#include "delivery/sending_queue.h"

#include <unordered_map>

namespace gapless::delivery {

class SendingQueue::PathClient final : public SenderClient {
 public:
  PathClient(SendingQueue& queue, size_t level, size_t index, const QueueLevel& config)
      : queue_(queue),
        level_(level),
        index_(index),
        name_(config.name),
        alone_(config.paths.size() == 1),
        path_(config.paths[index]) {
    path_.sender->AddClient(this);
  }
  ~PathClient() override { path_.sender->RemoveClient(this); }
  PathClient(const PathClient&) = delete;
  PathClient& operator=(const PathClient&) = delete;

  Sender& sender() { return *path_.sender; }
  const std::vector<std::shared_ptr<pipeline::Processor>>& processors() const {
    return path_.processors;
  }
  // The configuration it belongs to is gone: only late answers matter from now on.
  void Detach() { detached_ = true; }
  bool idle() const { return units_.empty(); }

  DeliveryId Send(SendRequest request, uint64_t unit_id) {
    const DeliveryId id = path_.sender->Send(std::move(request), this);
    units_.emplace(id, unit_id);
    return id;
  }
  // True if an attempt was in flight, whose late answer may still come.
  bool Release(DeliveryId id) {
    const bool unknown = path_.sender->Release(id);
    if (!unknown) {
      units_.erase(id);
    }
    return unknown;
  }
  void Isolate(DeliveryId id) { path_.sender->Isolate(id); }
  void Cancel(DeliveryId id) {
    units_.erase(id);
    path_.sender->Cancel(id);
  }

  void OnAttempt(DeliveryId id, const AttemptResult& result) override {
    const auto it = units_.find(id);
    if (it != units_.end() && !detached_) {
      queue_.OnAttempt(level_, index_, it->second, result);
    }
  }
  void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) override {
    const auto it = units_.find(id);
    if (it == units_.end()) {
      return;
    }
    const uint64_t unit_id = it->second;
    units_.erase(it);
    if (end == DeliveryEnd::kLate) {
      queue_.OnLate(detached_ ? queue_.LevelNamed(name_) : level_, alone_, unit_id, result);
    } else {
      queue_.OnEnd(index_, unit_id, end, result);
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
  const QueueLevel::Path path_;
  bool detached_ = false;
  std::unordered_map<DeliveryId, uint64_t> units_;
};

}  // namespace gapless::delivery
