// Backfill: brings one level, once it is well again, what other levels took in its place.
//
// Live data goes first: a unit of old data is sent only when the level has room that nothing live
// wants, over at most half of its slots, at a limited rate. One per level of a failover; home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "queue/backfill_options.h"
#include "queue/backfill_outcomes.h"
#include "queue/backfill_progress.h"
#include "queue/debt_book.h"
#include "queue/former_levels.h"
#include "queue/level_sender.h"
#include "queue/pacer.h"
#include "queue/queue_context.h"
#include "queue/unit_loader.h"
#include "queue/unit_scheduler.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace gapless::queue {

class Backfill final : private UnitLoader::Owner {
 public:
  using Options = BackfillOptions;
  using Owner = BackfillOwner;

  // `queue` outlives it. The options name the reader to whom is owed.
  Backfill(const QueueContext& queue, Options options, Owner owner);
  Backfill(const Backfill&) = delete;
  Backfill& operator=(const Backfill&) = delete;

  // New settings and senders of the same level; units under way are taken back.
  void Reconfigure(Options options);
  const std::string& name() const { return options_.to.name; }
  journal::ReaderId reader() const { return debts_.reader(); }
  // What the level is owed. After a change that lets units go, Wake.
  DebtBook& debts() { return debts_; }
  BackfillOutcomes& outcomes() { return outcomes_; }

  // Asks for a Pump: the level is well again.
  void Wake() { WakeAt(queue_.home.Now()); }
  // Sends what may be sent now. `may_send`: the level is well and nothing live wants its room.
  void Pump(bool may_send);
  // The level went down: what is under way waits for its return.
  void TakeBack();
  // The level left the configuration.
  void Forget();
  // The queue ends: nothing is sent or settled any more.
  void End();

  uint64_t delivered_items() const { return progress_.delivered_items(); }
  // Units are being read or sent.
  bool sending() const { return units_.under_way() > 0; }

 private:
  bool HasRoom() const;
  bool MayGo(const Unit& unit) const;
  sending::Lanes BusyLanes() const;
  // Of the units that are ready, those that were set aside, or the others.
  void SendReady(bool aside);
  // A unit of records that none has held yet; null: nothing is owed beyond the units.
  Unit* MakeUnit();
  void Start(Unit& unit);
  void Expire();
  void WakeAt(TimePoint when);
  void ArmWake(bool may_send);

  // UnitLoader.
  Unit* FindUnit(uint64_t id) override { return units_.Find(id); }
  void Fill(Unit& unit, otlp::Batch batch, uint64_t made) override {
    units_.memory().Fill(unit, std::move(batch), made);
  }
  void OnPartLost(const UnitPart& part, const std::optional<Status>& unreadable) override;
  void OnLoaded(Unit& unit) override;
  void OnNothingToSend(Unit& unit) override;
  void OnLoadedInVain() override { Wake(); }

  const QueueContext& queue_;
  Options options_;
  Owner owner_;
  DebtBook debts_;
  Pacer pacer_;
  UnitScheduler units_;  // with one level, this one
  BackfillProgress progress_;
  UnitLoader loader_;
  BackfillOutcomes outcomes_;
  std::unique_ptr<LevelSender> level_;
  FormerLevels former_;
  std::optional<TimePoint> wake_at_;
  Timer wake_;
};

}  // namespace gapless::queue
