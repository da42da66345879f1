#include "queue/level_sender.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace gapless::queue {

// One sender of the level, and which unit each of its deliveries is of.
class LevelSender::Path final : public sending::SenderClient {
 public:
  Path(LevelSender& level, size_t index, QueueLevel::Path path)
      : level_(level), index_(index), path_(std::move(path)) {
    path_.sender->AddClient(this);
  }
  ~Path() override { path_.sender->RemoveClient(this); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  sending::Sender& sender() const { return *path_.sender; }
  const std::vector<std::shared_ptr<pipeline::Processor>>& processors() const {
    return path_.processors;
  }
  bool idle() const { return units_.empty(); }

  sending::DeliveryId Send(sending::SendRequest request, const SentUnit& unit) {
    const sending::DeliveryId id = path_.sender->Send(std::move(request), this);
    units_.emplace(id, unit);
    return id;
  }
  // True if an attempt was in flight, whose late answer may still come.
  bool Release(sending::DeliveryId id) {
    const bool in_flight = path_.sender->Release(id);
    if (!in_flight) {
      units_.erase(id);
    }
    return in_flight;
  }

  // SenderClient.
  void OnAttempt(sending::DeliveryId id, const sending::AttemptResult& result) override {
    const auto it = units_.find(id);
    Unit* unit = it == units_.end() ? nullptr : level_.client_.FindUnit(it->second.id);
    if (unit != nullptr && !level_.detached_) {
      level_.client_.OnAttempt(level_, index_, *unit, result);
    }
  }
  void OnEnd(sending::DeliveryId id, sending::DeliveryEnd end,
             const sending::AttemptResult& result) override {
    const auto node = units_.extract(id);
    if (node.empty()) {
      return;
    }
    if (end == sending::DeliveryEnd::kLate) {
      level_.client_.OnLate(level_, node.mapped(), result);
      return;
    }
    Unit* unit = level_.client_.FindUnit(node.mapped().id);
    if (unit == nullptr) {
      return;
    }
    if (end == sending::DeliveryEnd::kDelivered) {
      level_.OnPathEnd(index_, *unit, result);
      return;
    }
    level_.Release(*unit);
    level_.client_.OnFailed(level_, *unit, end, result);
  }
  void OnDialFailed(const Status& status) override { Tell(News::kDialFailed, status); }
  void OnConnectionLost(const Status& status) override { Tell(News::kConnectionLost, status); }
  void OnConnected() override { Tell(News::kConnected, OkStatus()); }
  void OnRoom() override { level_.client_.OnRoom(); }

 private:
  void Tell(News news, const Status& status) {
    if (!level_.detached_) {
      level_.client_.OnNews(level_, index_, news, status);
    }
  }

  LevelSender& level_;
  const size_t index_;
  const QueueLevel::Path path_;
  std::unordered_map<sending::DeliveryId, SentUnit> units_;
};

LevelSender::LevelSender(const QueueLevel& level, size_t index, Client& client)
    : name_(level.name), index_(index), client_(client) {
  for (size_t i = 0; i < level.paths.size(); ++i) {
    paths_.push_back(std::make_unique<Path>(*this, i, level.paths[i]));
  }
}

LevelSender::~LevelSender() = default;

bool LevelSender::HasRoom() const {
  return std::ranges::all_of(paths_, [](const auto& path) { return path->sender().HasRoom(); });
}

sending::Lanes LevelSender::busy_lanes() const {
  sending::Lanes busy = 0;
  for (const auto& path : paths_) {
    busy |= path->sender().busy_lanes();
  }
  return busy;
}

uint64_t LevelSender::ItemCap(uint64_t max) const {
  for (const auto& path : paths_) {
    const uint64_t cap = path->sender().throttle().item_cap();
    max = max == 0 || (cap > 0 && cap < max) ? cap : max;
  }
  return max;
}

bool LevelSender::IsLimited(TimePoint now) const {
  return std::ranges::any_of(
      paths_, [now](const auto& path) { return path->sender().throttle().limited(now); });
}

size_t LevelSender::slots() const {
  size_t slots = SIZE_MAX;
  for (const auto& path : paths_) {
    slots = std::min<size_t>(slots, path->sender().settings().queue.num_consumers);
  }
  return slots;
}

void LevelSender::ForgetThrottle() {
  for (const auto& path : paths_) {
    path->sender().ForgetThrottle();
  }
}

void LevelSender::Send(Unit& unit, const sending::SendRequest& how) {
  unit.paths.assign(paths_.size(), {});
  const uint64_t id = unit.id;
  for (size_t i = 0; i < paths_.size(); ++i) {
    // Processors may leave nothing of the batch, and that may have ended the unit.
    if (!SendOnPath(unit, i, how) || client_.FindUnit(id) == nullptr) {
      return;
    }
  }
}

bool LevelSender::SendOnPath(Unit& unit, size_t index, const sending::SendRequest& how) {
  Path& path = *paths_[index];
  otlp::Batch batch = unit.batch;
  for (const auto& processor : path.processors()) {
    auto processed = processor->Process(std::move(batch));
    if (!processed.ok()) {
      Release(unit);
      client_.OnFailed(*this, unit, sending::DeliveryEnd::kRejected,
                       {.outcome = sending::OutcomeClass::kRejected,
                        .status = processed.status(),
                        .warning = {}});
      return false;
    }
    if (!*processed) {
      OnPathEnd(index, unit, {.warning = {}});
      return true;
    }
    batch = std::move(**processed);
  }
  unit.paths[index].sent_items = batch.items;
  sending::SendRequest request = how;
  request.batch = std::move(batch);
  unit.paths[index].delivery = path.Send(std::move(request), {.id = unit.id, .items = unit.items});
  return true;
}

void LevelSender::OnPathEnd(size_t path, Unit& unit, const sending::AttemptResult& result) {
  Unit::Path& state = unit.paths[path];
  state.done = true;
  state.refused_items = std::min<uint64_t>(result.rejected_items, state.sent_items);
  client_.OnPathDelivered(*this, path, unit, result);
  if (std::ranges::all_of(unit.paths, &Unit::Path::done)) {
    client_.OnDelivered(*this, unit, TakenOf(unit), result);
  }
}

LevelSender::Taken LevelSender::TakenOf(const Unit& unit) {
  uint64_t sent = 0;
  uint64_t refused = unit.items;
  for (const Unit::Path& path : unit.paths) {
    sent = std::max<uint64_t>(sent, path.sent_items);
    refused = std::min(refused, path.refused_items);
  }
  sent = std::min<uint64_t>(sent, unit.items);
  refused = std::min(refused, sent);
  return {.filtered = unit.items - sent, .refused = refused, .delivered = sent - refused};
}

void LevelSender::Release(Unit& unit) {
  for (size_t i = 0; i < unit.paths.size(); ++i) {
    const Unit::Path& path = unit.paths[i];
    if (path.delivery == 0) {
      continue;
    }
    if (path.done) {
      ++unit.copies;  // another path of the level has it already
    } else if (paths_[i]->Release(path.delivery)) {
      ++unit.copies;
      ++unit.tracks[*unit.level].late;
    }
  }
  unit.paths.clear();
}

void LevelSender::Isolate(Unit& unit, size_t path) {
  paths_[path]->sender().Isolate(unit.paths[path].delivery);
}

void LevelSender::FreeLanes(const Unit& unit) {
  for (size_t i = 0; i < unit.paths.size(); ++i) {
    paths_[i]->sender().FreeLanes(unit.paths[i].delivery);
  }
}

bool LevelSender::IsDone(const LevelSender* now) const {
  return std::ranges::all_of(paths_, [now](const auto& path) {
    const bool shared = now != nullptr && std::ranges::any_of(now->paths_, [&](const auto& other) {
                          return &other->sender() == &path->sender();
                        });
    return path->idle() && (shared || path->sender().busy_lanes() == 0);
  });
}

}  // namespace gapless::queue
