// Journals that a former configuration left in a storage that this one uses.
#include "io/posix_file_system.h"
#include "service/graph/collector.h"
#include "service/plan/part_names.h"
#include "telemetry/inventory.h"

#include <set>
#include <utility>

#include <fmt/format.h>

namespace gapless::service {

using telemetry::Metric;

// Those of components that are still there, now as senders of a level, say, or with another
// storage, are emptied by them; the others are kept and reported. A storage is searched once: what
// it has later was opened by us.
void Collector::TakeCareOfLeftJournals() {
  for (const auto& [id, storage] : storages_) {
    std::set<std::string> claimed;
    for (const QueuePlan& plan : plan_.queues) {
      if (plan.queue.enabled && plan.queue.storage == id) {
        claimed.insert(JournalName(plan));
      }
    }
    const auto [known, is_new] = left_journals_.try_emplace(id);
    LeftJournals& left = known->second;
    if (is_new) {
      left.unclaimed = storage.component->Left(claimed);
      std::erase_if(left.unclaimed, [&](const auto& one) { return EmptyLeftJournal(id, one); });
      ReportLeftJournals(left.unclaimed);
      const telemetry::Labels labels = {{"storage", id.ToString()}};
      left.items = options_.metrics.GetGauge(Metric("gapless_storage_unclaimed_items"), labels);
      left.bytes = options_.metrics.GetGauge(Metric("gapless_storage_unclaimed_bytes"), labels);
    } else {
      std::erase_if(left.unclaimed, [&](const auto& one) {
        const Result<bool> there = io::PosixFileSystem().IsDirectory(one.directory);
        return claimed.contains(one.name) || there.status().code() == Code::kNotFound;
      });
    }
    journal::Amount total;
    for (const queue::LeftJournal& one : left.unclaimed) {
      total += one.needed;
    }
    left.items.Set(static_cast<double>(total.items));
    left.bytes.Set(static_cast<double>(total.bytes));
  }
  RetireLeaving();
}

void Collector::ReportLeftJournals(const std::vector<queue::LeftJournal>& unclaimed) const {
  for (const queue::LeftJournal& left : unclaimed) {
    options_.log.Warn("A journal belongs to no component of this configuration; its data is kept",
                      {{"directory", left.directory},
                       {"requests", left.needed.requests},
                       {"items", left.needed.items},
                       {"bytes", left.needed.bytes},
                       {"replay", fmt::format("gapless journal replay {} --endpoint HOST:PORT",
                                              left.directory)}});
  }
}

// A queue that can empty this journal: as its component is now, or as the bare sender that is left
// of it.
std::optional<QueuePlan> Collector::PlanFor(const ComponentId& storage,
                                            const std::string& journal) const {
  for (QueuePlan plan : plan_.queues) {
    if (JournalName(plan) == journal) {
      plan.queue.enabled = true;
      plan.queue.storage = storage;
      return plan;
    }
  }
  for (const auto& [sender, patience] : plan_.senders) {
    QueuePlan plan{.key = {.owner = sender.exporter, .signal = sender.signal},
                   .queue = {.storage = storage},
                   .levels = {{.name = sender.exporter.ToString(),
                               .paths = {{.processors = {}, .exporter = sender.exporter}}}}};
    if (JournalName(plan) == journal) {
      return plan;
    }
  }
  return std::nullopt;
}

bool Collector::EmptyLeftJournal(const ComponentId& storage, const queue::LeftJournal& left) {
  const std::optional<QueuePlan> plan = PlanFor(storage, left.name);
  if (!plan) {
    return false;
  }
  auto running = queues_.extract(plan->key);  // it goes on with its own journal
  const Status status = CreateQueue(*plan);
  if (status.ok()) {
    options_.log.Info("A journal of a former configuration is emptied by its component",
                      {{"directory", left.directory}, {"requests", left.needed.requests}});
    TakeOut(plan->key);
  } else {
    options_.log.Error("A journal that was left behind cannot be opened",
                       {{"directory", left.directory}, {"error", status}});
  }
  if (running) {
    queues_.insert(std::move(running));
  }
  return status.ok();
}

}  // namespace gapless::service
