// Dispatcher: from the journal to the levels: which unit goes where, and when.
//
// It wires the parts that a unit passes on its way, and drains what waits at the end of every turn
// (turns.h): first what is to be sent again, then a probe with live data, then what is new.
//
//   journal -> UnitSource -> UnitScheduler -> UnitCarrier -> LevelSender -> UnitOutcomes
//                                ^   which level: UnitPolicy, FailoverController   |
//                                +---- again --------------------------------------+-> UnitSettler
//
// Home loop.
#pragma once

#include "queue/backfills.h"
#include "queue/failover_controller.h"
#include "queue/level_set.h"
#include "queue/live_probes.h"
#include "queue/pending_clients.h"
#include "queue/queue_context.h"
#include "queue/queue_status.h"
#include "queue/settlement.h"
#include "queue/turns.h"
#include "queue/unit_carrier.h"
#include "queue/unit_outcomes.h"
#include "queue/unit_policy.h"
#include "queue/unit_scheduler.h"
#include "queue/unit_settler.h"
#include "queue/unit_source.h"

namespace gapless::queue {

class Dispatcher final : private FailoverController::Units, private UnitSettler::Owner {
 public:
  class Owner {
   public:
    // A unit has ended, and there may be room for another record.
    virtual void OnUnitEnded() = 0;
    // All that one event has changed is done.
    virtual void OnTurnEnd() = 0;
    virtual QueueLife life() const = 0;

   protected:
    ~Owner() = default;
  };
  // All outlive it.
  Dispatcher(const QueueContext& queue, Admission& admission, PendingClients& clients,
             Owner& owner);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The levels as the journal knows them; nothing is sent before.
  void Start();
  // Takes back what is on its way: the options are about to change.
  void ReleaseAll() { carrier_.TakeBack({}); }
  // They have changed; `former`: what they were.
  void Reconfigure(const SendingQueueOptions& former);
  // Takes everything back and ends.
  void End();

  // Every event from outside is one turn; the queue's own too.
  Turns& turns() { return turns_; }
  // Records came, or something else that lets units go.
  void Run();
  // Units are under way.
  bool IsSending();

  FailoverController& failover() { return failover_; }
  SettlementTracker& tracker() { return tracker_; }
  Backfills& backfills() { return backfills_; }
  UnitSettler& settler() { return settler_; }
  UnitSource& source() { return source_; }

  // The record ends for this reason, with all units that hold a part of it. False, and nothing is
  // done: one of them is under way, and only `even_sent` takes those along.
  bool DropRecord(journal::Position position, journal::DropReason reason, const Status& status,
                  bool even_sent);

  // Fills in what it knows.
  void Describe(QueueStatus& status) const;

 private:
  void EndTurn();
  // What waits, in this order.
  void Dispatch();
  void DispatchWaiting();
  void DispatchFresh();

  // FailoverController.
  void TakeBack(size_t level) override;
  bool StartLiveProbe(size_t level, routing::LiveProbeKind kind) override {
    return probes_.Start(level, kind);
  }
  void OnLevelBack(size_t level) override;
  void OnLevelLost(size_t level) override;
  void OnActivated(bool better) override;
  bool WorkWaits() const override { return !source_.empty() || scheduler_.size() > 0; }
  // UnitSettler.
  Unit* FindUnit(uint64_t id) override { return scheduler_.Find(id); }
  void OnUnitEnded(Unit& unit) override;
  void Withdraw(Unit& unit) override { carrier_.Withdraw(unit); }
  void ReadToBury(Unit& unit) override { carrier_.ReadToBury(unit); }
  bool StaysPending() const override;

  const QueueContext& queue_;
  Owner& owner_;
  Turns turns_;
  UnitScheduler scheduler_;
  FailoverController failover_;
  UnitPolicy policy_;
  Backfills backfills_;
  SettlementTracker tracker_;
  UnitSettler settler_;
  LevelSet levels_;
  UnitSource source_;
  UnitCarrier carrier_;
  UnitOutcomes outcomes_;
  LiveProbes probes_;
  uint64_t handed_over_items_ = 0;
  uint64_t view_ = 0;  // of the levels, when parked units were looked at
  Timer flush_;        // more to take, or to learn of
  Timer rest_;
};

}  // namespace gapless::queue
