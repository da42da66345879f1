// SenderPath: one path of a level to one client of its sender, and which unit each delivery is of.
// Private to the .cc files of the queue and of the backfill.
#pragma once

#include "delivery/queue_level.h"
#include "delivery/sender.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gapless::delivery {

class SenderPath : public SenderClient {
 public:
  explicit SenderPath(QueueLevel::Path path) : path_(std::move(path)) {
    path_.sender->AddClient(this);
  }
  ~SenderPath() override { path_.sender->RemoveClient(this); }
  SenderPath(const SenderPath&) = delete;
  SenderPath& operator=(const SenderPath&) = delete;

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
  // True if an attempt was in flight, whose late answer may still come.
  bool Release(DeliveryId id) {
    const bool unknown = path_.sender->Release(id);
    if (!unknown) {
      units_.erase(id);
    }
    return unknown;
  }
  void FreeLanes(DeliveryId id) { path_.sender->FreeLanes(id); }
  void Isolate(DeliveryId id) { path_.sender->Isolate(id); }

 protected:
  std::optional<uint64_t> UnitOf(DeliveryId id) const {
    const auto it = units_.find(id);
    return it == units_.end() ? std::nullopt : std::optional(it->second);
  }
  // Forgets the delivery.
  std::optional<uint64_t> TakeUnitOf(DeliveryId id) {
    const auto node = units_.extract(id);
    return node.empty() ? std::nullopt : std::optional(node.mapped());
  }

 private:
  const QueueLevel::Path path_;
  std::unordered_map<DeliveryId, uint64_t> units_;
};

// Of all paths of a level: the lanes in which something is under way.
template <typename Paths>
Lanes BusyLanesOf(const Paths& paths) {
  Lanes busy = 0;
  for (const auto& path : paths) {
    busy |= path->sender().busy_lanes();
  }
  return busy;
}

// The smaller of `max` and what the paths take at once, in items; 0: any number.
template <typename Paths>
uint64_t ItemCapOf(const Paths& paths, uint64_t max = 0) {
  for (const auto& path : paths) {
    const uint64_t cap = path->sender().throttle().item_cap();
    max = max == 0 || (cap > 0 && cap < max) ? cap : max;
  }
  return max;
}

}  // namespace gapless::delivery
