#include "service/graph/left_journals.h"

#include "io/posix_file_system.h"
#include "service/plan/part_names.h"
#include "telemetry/inventory.h"

#include <utility>

#include <fmt/format.h>

namespace gapless::service {
namespace {

using telemetry::Metric;

// Names of the journals that the plan's queues have in the storage.
std::set<std::string> Claimed(const Plan& plan, const ComponentId& storage) {
  std::set<std::string> claimed;
  for (const QueuePlan& queue : plan.queues) {
    if (queue.queue.enabled && queue.queue.storage == storage) {
      claimed.insert(JournalName(queue));
    }
  }
  return claimed;
}

// A queue that can empty this journal: as its component is now, or as the bare sender that is left
// of it.
std::optional<QueuePlan> PlanFor(const Plan& plan, const ComponentId& storage,
                                 const std::string& journal) {
  for (QueuePlan queue : plan.queues) {
    if (JournalName(queue) == journal) {
      queue.queue.enabled = true;
      queue.queue.storage = storage;
      return queue;
    }
  }
  for (const auto& [sender, patience] : plan.senders) {
    QueuePlan queue{.key = {.owner = sender.exporter, .signal = sender.signal},
                    .queue = {.storage = storage},
                    .levels = {{.name = sender.exporter.ToString(),
                                .paths = {{.processors = {}, .exporter = sender.exporter}}}}};
    if (JournalName(queue) == journal) {
      return queue;
    }
  }
  return std::nullopt;
}

}  // namespace

bool LeftJournals::IsSearched(const ComponentId& id, const Journals::Storage& storage) const {
  const auto known = storages_.find(id);
  return known != storages_.end() && known->second.searched == storage.component;
}

void LeftJournals::Prepare(const Plan& plan, Journals& journals) const {
  for (const auto& [id, storage] : journals.storages()) {
    if (IsSearched(id, storage)) {
      continue;
    }
    journals.Search(id, Claimed(plan, id));
    const auto* found = journals.Found(id);
    for (size_t i = 0; found != nullptr && i < found->size(); ++i) {
      if (const auto queue = PlanFor(plan, id, (*found)[i].name)) {
        journals.Recover(*queue);
      }
    }
  }
}

void LeftJournals::TakeCare(const Change& change, QueueSet& queues) {
  for (const auto& [id, storage] : change.journals.storages()) {
    const bool is_new = !IsSearched(id, storage);
    Storage& left = storages_[id];
    if (is_new) {
      const telemetry::Labels labels = {{"storage", id.ToString()}};
      left = {
          .searched = storage.component,
          .unclaimed = *change.journals.Found(id),
          .items = context_.metrics.GetGauge(Metric("gapless_storage_unclaimed_items"), labels),
          .bytes = context_.metrics.GetGauge(Metric("gapless_storage_unclaimed_bytes"), labels)};
    }
    const std::set<std::string> claimed = Claimed(change.plan, id);
    std::erase_if(left.unclaimed, [&](const queue::LeftJournal& one) {
      if (!is_new) {
        const Result<bool> there = io::PosixFileSystem().IsDirectory(one.directory);
        return claimed.contains(one.name) || there.status().code() == Code::kNotFound;
      }
      const auto plan = PlanFor(change.plan, id, one.name);
      return plan && Empty(one, *plan, change.journals, queues);
    });
    journal::Amount total;
    for (const queue::LeftJournal& one : left.unclaimed) {
      total += one.needed;
      if (is_new) {
        Report(one);
      }
    }
    left.items.Set(static_cast<double>(total.items));
    left.bytes.Set(static_cast<double>(total.bytes));
  }
}

bool LeftJournals::Empty(const queue::LeftJournal& left, const QueuePlan& plan, Journals& journals,
                         QueueSet& queues) const {
  const Status status = queues.Empty(plan, journals);
  if (status.ok()) {
    context_.log.Info("A journal of a former configuration is emptied by its component",
                      {{"directory", left.directory}, {"requests", left.needed.requests}});
  } else {
    context_.log.Error("A journal that was left behind cannot be opened",
                       {{"directory", left.directory}, {"error", status}});
  }
  return status.ok();
}

void LeftJournals::Report(const queue::LeftJournal& left) const {
  context_.log.Warn(
      "A journal belongs to no component of this configuration; its data is kept",
      {{"directory", left.directory},
       {"requests", left.needed.requests},
       {"items", left.needed.items},
       {"bytes", left.needed.bytes},
       {"replay", fmt::format("gapless journal replay {} --endpoint HOST:PORT", left.directory)}});
}

}  // namespace gapless::service
