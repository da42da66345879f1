// Journals: the storages of one configuration, and the journals that were recovered from them for
// it.
//
// Recovery and search block for about a second per GB that is pending, so they run on service
// threads, some at once. Everything else on the control worker.
#pragma once

#include "io/background.h"
#include "service/graph/context.h"

#include <functional>
#include <map>
#include <optional>
#include <set>

namespace gapless::service {

class Journals {
 public:
  struct Storage {
    std::shared_ptr<queue::JournalStorage> component;
    pipeline::ComponentConfigPtr config;
  };

  // `ready` is called once all that was begun has ended. `context` outlives it.
  Journals(const GraphContext& context, std::function<void()> ready)
      : context_(context), disk_(context.control(), "journal-open", kAtOnce, std::move(ready)) {}

  // Those of the plan, beside those of the former configuration (null: there was none), which are
  // shared where the settings are the same.
  Status MakeStorages(const Config& config, const Plan& plan, const Journals* former);
  const std::map<ComponentId, Storage>& storages() const { return storages_; }
  static bool IsDurable(const QueuePlan& plan) { return plan.queue.enabled && plan.queue.storage; }
  // Two plans with one place mean one journal.
  std::string PlaceOf(const QueuePlan& plan) const;

  // Begins to recover the journal of the plan, to search the storage for journals that nobody
  // claims; once.
  void Recover(const QueuePlan& plan);
  void Search(const ComponentId& storage, const std::set<std::string>& claimed);
  // The work on it.
  io::Background& disk() { return disk_; }

  // Of Recover, once it has ended.
  Status Recovered(const QueuePlan& plan) const;
  Result<queue::RecoveredJournal> Take(const QueuePlan& plan);
  // Null: it was not searched (yet).
  const std::vector<queue::LeftJournal>* Found(const ComponentId& storage) const;

 private:
  // Each has some threads of its own.
  static constexpr size_t kAtOnce = 4;

  const GraphContext& context_;
  std::map<ComponentId, Storage> storages_;
  // By place; none: it goes on.
  std::map<std::string, std::optional<Result<queue::RecoveredJournal>>> recovered_;
  std::map<ComponentId, std::optional<std::vector<queue::LeftJournal>>> found_;
  io::Background disk_;
};

}  // namespace gapless::service
