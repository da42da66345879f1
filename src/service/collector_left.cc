// Journals that a former configuration left in a storage that this one uses.
#include "service/collector.h"
#include "service/part_names.h"

#include <set>
#include <utility>

#include <fmt/format.h>

namespace gapless::service {

// Those of exporters that are still there, now as senders of a level, say, are emptied by them; the
// others are kept and reported.
void Collector::TakeCareOfLeftJournals() {
  for (const auto& [id, storage] : storages_) {
    std::set<std::string> claimed;
    for (const QueuePlan& plan : plan_.queues) {
      if (plan.queue.enabled && plan.queue.storage == id) {
        claimed.insert(JournalName(plan));
      }
    }
    for (const delivery::LeftJournal& left : storage.component->Left(claimed)) {
      if (!EmptyLeftJournal(id, left)) {
        options_.log.Warn(
            "A journal belongs to no component of this configuration; its data is kept",
            {{"directory", left.directory},
             {"requests", left.needed.requests},
             {"items", left.needed.items},
             {"bytes", left.needed.bytes},
             {"replay",
              fmt::format("gapless journal replay {} --endpoint HOST:PORT", left.directory)}});
      }
    }
  }
  for (const auto& host : std::exchange(leaving_, {})) {
    Retire(host);
  }
}

bool Collector::EmptyLeftJournal(const ComponentId& storage, const delivery::LeftJournal& left) {
  for (const auto& [sender, patience] : plan_.senders) {
    QueuePlan plan{.key = {.owner = sender.exporter, .signal = sender.signal},
                   .queue = {.storage = storage},
                   .levels = {{.name = sender.exporter.ToString(),
                               .paths = {{.processors = {}, .exporter = sender.exporter}}}}};
    if (JournalName(plan) != left.name || queues_.contains(plan.key)) {
      continue;
    }
    if (Status status = CreateQueue(plan); !status.ok()) {
      options_.log.Error("A journal that was left behind cannot be opened",
                         {{"directory", left.directory}, {"error", status}});
      return false;
    }
    options_.log.Info("A journal of a former configuration is emptied by its exporter",
                      {{"directory", left.directory}, {"requests", left.needed.requests}});
    TakeOut(plan.key);
    return true;
  }
  return false;
}

}  // namespace gapless::service
