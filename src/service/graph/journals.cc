#include "service/graph/journals.h"

#include "service/plan/part_names.h"
#include "takeover/queue_name.h"

#include <algorithm>

namespace gapless::service {
namespace {

// In a Collector the exporter has the queue, also where here the connector in front of it does.
queue::CollectorQueues CollectorQueuesOf(const QueuePlan& plan) {
  queue::CollectorQueues queues{.signal = plan.key.signal, .files = {}};
  const auto add = [&](const ComponentId& exporter) {
    std::string name = takeover::QueueFileName(exporter, plan.key.signal);
    if (std::ranges::find(queues.files, name) == queues.files.end()) {
      queues.files.push_back(std::move(name));
    }
  };
  if (!plan.is_failover) {
    add(plan.key.owner);
    return queues;
  }
  for (const LevelPlan& level : plan.levels) {
    for (const PathPlan& path : level.paths) {
      add(path.exporter);
    }
  }
  return queues;
}

}  // namespace

Status Journals::MakeStorages(const Config& config, const Plan& plan, const Journals* former) {
  if (former != nullptr) {
    storages_ = former->storages_;
  }
  for (const ComponentId& id : plan.storages) {
    const auto* factory = context_.factories.Storage(id.type);
    if (factory == nullptr) {
      return InvalidArgument("extension \"" + id.ToString() + "\" is no storage");
    }
    const auto def = config.extensions.find(id);
    config::Errors errors;
    const pipeline::ComponentConfigPtr wanted =
        def != config.extensions.end()
            ? def->second.config
            : factory->info.config.decode(config::Node(), "extensions::" + id.ToString(), errors);
    Storage& storage = storages_[id];
    if (storage.component != nullptr) {
      if (SameConfig(*storage.config, *wanted)) {
        continue;
      }
      context_.log.Warn("The storage's new settings hold for journals opened from now on",
                        {{"storage", id.ToString()}});
    }
    storage = {.component = factory->create(context_.SettingsFor(Kind::kExtension, id), wanted,
                                            context_.disk_journals),
               .config = wanted};
  }
  return OkStatus();
}

std::string Journals::PlaceOf(const QueuePlan& plan) const {
  if (IsDurable(plan)) {
    return storages_.at(*plan.queue.storage).component->PlaceOf(JournalName(plan));
  }
  return plan.queue.enabled ? "memory" : "off";
}

void Journals::Recover(const QueuePlan& plan) {
  const std::string name = JournalName(plan);
  const auto [it, added] = recovered_.try_emplace(PlaceOf(plan));
  if (added) {
    disk_.Run([storage = storages_.at(*plan.queue.storage).component, name,
               left = CollectorQueuesOf(plan)](
                  const std::stop_token& stop) { return storage->Recover(name, left, stop); },
              [&to = it->second](auto recovered) { to = std::move(recovered); });
  }
}

void Journals::Search(const ComponentId& storage, const std::set<std::string>& claimed) {
  const auto [it, added] = found_.try_emplace(storage);
  if (added) {
    disk_.Run([searched = storages_.at(storage).component,
               claimed](const std::stop_token& stop) { return searched->Left(claimed, stop); },
              [&to = it->second](auto found) { to = std::move(found); });
  }
}

Status Journals::Recovered(const QueuePlan& plan) const {
  const auto it = recovered_.find(PlaceOf(plan));
  return it == recovered_.end() || !it->second
             ? OkStatus()
             : FailedToStart(plan.is_failover ? Kind::kConnector : Kind::kExporter, plan.key.owner,
                             it->second->status());
}

Result<queue::RecoveredJournal> Journals::Take(const QueuePlan& plan) {
  RETURN_IF_ERROR(Recovered(plan));
  auto taken = recovered_.extract(PlaceOf(plan));
  if (!taken || !taken.mapped()) {
    return FailedPrecondition("the journal is open already");
  }
  return *std::move(taken.mapped());
}

const std::vector<queue::LeftJournal>* Journals::Found(const ComponentId& storage) const {
  const auto it = found_.find(storage);
  return it == found_.end() || !it->second ? nullptr : &*it->second;
}

}  // namespace gapless::service
