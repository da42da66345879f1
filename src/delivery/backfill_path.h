// One path of a level as the backfill uses it. Private to the backfill's .cc files.
#pragma once

#include "delivery/backfill.h"

#include <unordered_map>

namespace gapless::delivery {

class Backfill::Path final : public SenderClient {
 public:
  Path(Backfill& owner, size_t index, const QueueLevel& level)
      : owner_(owner), index_(index), alone_(level.paths.size() == 1), path_(level.paths[index]) {
    path_.sender->AddClient(this);
  }
  ~Path() override { path_.sender->RemoveClient(this); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  Sender& sender() { return *path_.sender; }
  const std::vector<std::shared_ptr<pipeline::Processor>>& processors() const {
    return path_.processors;
  }
  bool idle() const { return units_.empty(); }

  DeliveryId Send(SendRequest request, uint64_t unit_id) {
    const DeliveryId id = path_.sender->Send(std::move(request), this);
    units_.emplace(id, unit_id);
    return id;
  }
  // True if an attempt was in flight, whose late answer will come.
  bool Release(DeliveryId id) {
    const bool unknown = path_.sender->Release(id);
    if (!unknown) {
      units_.erase(id);
    }
    return unknown;
  }

  void OnAttempt(DeliveryId id, const AttemptResult& result) override {
    if (const auto it = units_.find(id); it != units_.end()) {
      owner_.OnAttempt(it->second, result);
    }
  }
  void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) override {
    const auto node = units_.extract(id);
    if (node.empty()) {
      return;
    }
    if (end == DeliveryEnd::kLate) {
      owner_.OnLate(node.mapped(), alone_, result);
    } else {
      owner_.OnEnd(index_, node.mapped(), end, result);
    }
  }
  // The queue's own client of this sender hears these, and wakes the backfill.
  void OnDialFailed(const Status&) override {}
  void OnConnectionLost(const Status&) override {}
  void OnConnected() override {}
  void OnRoom() override {}

 private:
  Backfill& owner_;
  const size_t index_;
  const bool alone_;
  const QueueLevel::Path path_;
  std::unordered_map<DeliveryId, uint64_t> units_;
};

}  // namespace gapless::delivery
