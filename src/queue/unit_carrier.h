// UnitCarrier: brings a unit to a level, which reads it first, and takes it back. Home loop.
#pragma once

#include "queue/failover_controller.h"
#include "queue/level_set.h"
#include "queue/queue_context.h"
#include "queue/turns.h"
#include "queue/unit_loader.h"
#include "queue/unit_policy.h"
#include "queue/unit_scheduler.h"
#include "queue/unit_settler.h"

namespace gapless::queue {

class UnitCarrier final : private UnitLoader::Owner {
 public:
  struct Parts {
    const QueueContext& queue;
    Turns& turns;
    UnitScheduler& scheduler;
    const UnitPolicy& policy;
    SettlementTracker& tracker;
    UnitSettler& settler;
    FailoverController& failover;
    LevelSet& levels;
  };
  // All outlive it.
  explicit UnitCarrier(const Parts& parts) : parts_(parts), loader_(parts.queue.journal, *this) {}

  bool HasRoom(size_t level, sending::Lanes lanes = 0) const;
  // The same, and what units hold in memory allows for one more.
  bool HasRoomForNew(size_t level) const;
  // Whether it is the unit's turn, and the level has room for it.
  bool MayGo(const Unit& unit, size_t level) const;
  // Precondition: MayGo, or the unit is new.
  void Send(Unit& unit, size_t level);
  // Takes the unit from the level where it is, and from where it waits; a probe with live data that
  // it was is made with another unit.
  void Withdraw(Unit& unit);
  // The unit ends or was taken back without having spoken to the peer.
  void AbandonProbe(Unit& unit);
  // What is on its way to the level waits again; none: to whatever level. Returns its items.
  uint64_t TakeBack(std::optional<size_t> level);
  // Reads the unit, and gives it to the settler.
  void ReadToBury(Unit& unit) { loader_.Load(unit); }

 private:
  Unit* FindUnit(uint64_t id) override { return parts_.scheduler.Find(id); }
  void Fill(Unit& unit, otlp::Batch batch, uint64_t made) override {
    parts_.scheduler.memory().Fill(unit, std::move(batch), made);
  }
  void OnPartLost(const UnitPart& part, const std::optional<Status>& unreadable) override;
  void OnLoaded(Unit& unit) override;
  void OnNothingToSend(Unit& unit) override;
  void OnLoadedInVain() override;
  sending::SendRequest HowToSend(const Unit& unit) const;

  const Parts parts_;
  UnitLoader loader_;
};

}  // namespace gapless::queue
