// LeftJournals: journals that a former configuration left in a storage that this one uses. Those of
// components that are still there, now as senders of a level, say, or with another storage, are
// emptied by them; the others are kept and reported. Control worker.
#pragma once

#include "service/graph/journals.h"
#include "service/graph/queue_set.h"

namespace gapless::service {

class LeftJournals {
 public:
  // It outlives them.
  explicit LeftJournals(const GraphContext& context) : context_(context) {}

  // Begins what TakeCare will need, as far as it is known yet. A storage is searched once: what it
  // has later was opened by us.
  void Prepare(const Plan& plan, Journals& journals) const;
  void TakeCare(const Change& change, QueueSet& queues);

 private:
  struct Storage {
    std::shared_ptr<queue::JournalStorage> searched = nullptr;
    std::vector<queue::LeftJournal> unclaimed{};
    telemetry::Gauge items{};
    telemetry::Gauge bytes{};
  };

  bool IsSearched(const ComponentId& id, const Journals::Storage& storage) const;
  bool Empty(const queue::LeftJournal& left, const QueuePlan& plan, Journals& journals,
             QueueSet& queues) const;
  void Report(const queue::LeftJournal& left) const;

  const GraphContext& context_;
  std::map<ComponentId, Storage> storages_;
};

}  // namespace gapless::service
