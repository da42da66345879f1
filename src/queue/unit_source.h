// UnitSource: new units of the records that no unit holds yet. Home loop.
#pragma once

#include "queue/backlog.h"
#include "queue/level_set.h"
#include "queue/queue_context.h"
#include "queue/settlement.h"
#include "queue/unit_scheduler.h"

#include <optional>

namespace gapless::queue {

class UnitSource {
 public:
  // All outlive it.
  UnitSource(const QueueContext& queue, UnitScheduler& scheduler, SettlementTracker& tracker,
             const LevelSet& levels)
      : queue_(queue),
        scheduler_(scheduler),
        tracker_(tracker),
        levels_(levels),
        backlog_(queue.journal, queue.options.backlog()) {}

  // The options have changed.
  void Reconfigure() { backlog_.SetOptions(queue_.options.backlog()); }
  // Learns records that became readable since the last call. True: there are more.
  bool Refresh() { return backlog_.Refresh(); }
  bool empty() const { return backlog_.empty(); }
  // The next unit for the level; null: there is none, or it waits for company, unless `flush`.
  Unit* Take(size_t level, bool flush);
  const Backlog::Taken& taken() const { return backlog_.taken(); }
  // When what waits for company has waited long enough; set by the last Take.
  std::optional<WallTime> flush_at() const { return backlog_.flush_at(); }
  // What is here now is backlog; what comes from now on is live.
  void MarkLive() { backlog_.MarkLive(); }
  // False: it would begin one more group than merging may have at once.
  bool AdmitGroup(const otlp::Batch& batch) {
    return backlog_.AdmitGroup(batch.metadata, queue_.home.Now());
  }
  // A peer refused so many bytes at once: units stay below for some time.
  void AvoidSize(size_t bytes);

  // Drops a record that no unit holds; nothing if one does.
  void Drop(journal::Position position, journal::DropReason reason, const Status& verdict);
  // Drops the oldest of them for lack of room. False: there is none.
  bool DropOldest();

 private:
  void Book(const journal::RecordInfo& info, journal::DropReason reason, const Status& verdict);

  const QueueContext& queue_;
  UnitScheduler& scheduler_;
  SettlementTracker& tracker_;
  const LevelSet& levels_;
  Backlog backlog_;
};

}  // namespace gapless::queue
