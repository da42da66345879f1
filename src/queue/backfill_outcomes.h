// BackfillOutcomes: what the answers to old data mean: delivered, cut, tried again, or given up for
// a named reason. Failures of old data say nothing about the level; what it calls invalid is
// skipped and counted. Home loop.
#pragma once

#include "base/loop.h"
#include "queue/backfill_options.h"
#include "queue/backfill_progress.h"
#include "queue/debt_book.h"
#include "queue/level_sender.h"
#include "queue/unit_scheduler.h"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace gapless::queue {

class BackfillOutcomes final : public LevelSender::Client {
 public:
  // All outlive it.
  struct Parts {
    Loop& loop;
    const BackfillOptions& options;
    BackfillOwner& owner;
    DebtBook& debts;
    UnitScheduler& units;
    BackfillProgress& progress;
    // There is something to send, or room for it.
    std::function<void()> wake;
  };
  explicit BackfillOutcomes(Parts parts) : parts_(std::move(parts)) {}

  // A live unit arrived at the level: what fails here meanwhile fails alone.
  void OnLiveSuccess() { ++successes_; }
  // Whether the level has taken data: before, its refusals say nothing about the data.
  bool IsProved();
  // Items that a destination may hold twice.
  void CountDuplicates(uint64_t items);
  // Of attempts whose outcome nobody will hear, all but one may be copies.
  void CountUnheard(const Unit& unit);

  // LevelSender::Client. Of connections and room the queue's own client hears, and wakes the
  // backfill.
  Unit* FindUnit(uint64_t id) override { return parts_.units.Find(id); }
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
  void OnNews(LevelSender&, size_t, LevelSender::News, const Status&) override {}
  void OnRoom() override {}

 private:
  void OnRejected(Unit& unit, const sending::AttemptResult& result);
  bool MayCutUnproved(Unit& unit);
  void OnGaveUp(Unit& unit);
  void Deliver(Unit& unit, uint64_t items, uint64_t copies);
  void GiveUp(Unit& unit, std::string_view reason);
  void End(Unit& unit, bool delivered);
  void CutInTwo(Unit& unit);
  void Cut(Unit& unit, std::vector<UnitParts> pieces);

  const Parts parts_;
  uint64_t successes_ = 0;
};

}  // namespace gapless::queue
