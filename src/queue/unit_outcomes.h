// UnitOutcomes: what the answers to a unit mean: for the router, and for the unit itself, by the
// decisions of UnitPolicy. Home loop.
#pragma once

#include "queue/backfills.h"
#include "queue/failover_controller.h"
#include "queue/fault_cuts.h"
#include "queue/level_sender.h"
#include "queue/queue_context.h"
#include "queue/settlement.h"
#include "queue/turns.h"
#include "queue/unit_carrier.h"
#include "queue/unit_policy.h"
#include "queue/unit_scheduler.h"
#include "queue/unit_settler.h"
#include "queue/unit_source.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gapless::queue {

class UnitOutcomes final : public LevelSender::Client {
 public:
  // The other parts of the queue; all outlive it.
  struct Parts {
    const QueueContext& queue;
    Turns& turns;
    UnitSource& source;
    UnitScheduler& scheduler;
    UnitPolicy& policy;
    UnitSettler& settler;
    SettlementTracker& tracker;
    FailoverController& failover;
    Backfills& backfills;
    UnitCarrier& carrier;
  };
  explicit UnitOutcomes(const Parts& parts) : parts_(parts), start_(parts.queue.journal.head()) {
    Reconfigure();
  }

  // The options have changed: what was counted of levels begins anew.
  void Reconfigure();
  uint64_t delivered_items(size_t level) const { return levels_[level].delivered_items; }
  // What was refused or failed at the level may have been the level's fault: it is asked again, and
  // what was set aside goes before what is younger.
  void ForgetDoubts(size_t level);
  // Carries out what was decided for a unit, which may end it.
  void Apply(Unit& unit, const UnitDecision& decision);

  // LevelSender::Client.
  Unit* FindUnit(uint64_t id) override { return parts_.scheduler.Find(id); }
  void OnAttempt(LevelSender& level, size_t path, Unit& unit,
                 const sending::AttemptResult& result) override;
  void OnPathDelivered(LevelSender& level, size_t path, Unit& unit,
                       const sending::AttemptResult& result) override;
  void OnDelivered(LevelSender& level, Unit& unit, const LevelSender::Taken& taken,
                   const sending::AttemptResult& result) override;
  void OnFailed(LevelSender& level, Unit& unit, sending::DeliveryEnd end,
                const sending::AttemptResult& result) override;
  void OnLate(LevelSender& level, const LevelSender::SentUnit& sent,
              const sending::AttemptResult& result) override;
  void OnNews(LevelSender& level, size_t path, LevelSender::News news,
              const Status& status) override;
  void OnRoom() override;

 private:
  struct LevelCounts {
    uint64_t successes = 0;
    uint64_t delivered_items = 0;
    FaultCuts fault_cuts;
  };
  void TellRouter(const LevelSender& level, size_t path, const Unit& unit,
                  const sending::AttemptResult& result);
  void LogFailure(const Unit& unit, size_t level, const sending::AttemptResult& result);
  void NoteFault(LevelSender& level, Unit& unit, const sending::AttemptResult& result);
  bool MayBeThere(const Unit& unit) const;
  // An attempt at the level failed. True: the unit has been cut, and is gone, as the level answers
  // and fails it again.
  bool CutFaulty(Unit& unit, size_t level, const sending::AttemptResult& result);
  void OnRejected(Unit& unit, const sending::AttemptResult& result);
  void OnGaveUp(Unit& unit, const sending::AttemptResult& result);
  void OnProbeFailed(Unit& unit, sending::DeliveryEnd end, const sending::AttemptResult& result);
  std::vector<Unit*> Cut(Unit& unit, std::vector<UnitParts> pieces);
  // Whether others of its lanes may go before a unit that a level refused which has taken nothing
  // yet. That tells whose fault it is, and costs the order of a resource if the level takes it
  // since it has been repaired meanwhile: so only for one unit at a time, right after it was
  // refused again.
  bool MayOvertake();

  const Parts parts_;
  const journal::Position start_;  // what lies below was pending when the queue began
  std::vector<LevelCounts> levels_;
  Timer ask_again_;
  bool asked_again_ = false;
};

}  // namespace gapless::queue
