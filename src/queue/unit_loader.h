// UnitLoader: reads units from the journal before they are sent. Home loop.
#pragma once

#include "base/lifetime.h"
#include "queue/assemble.h"
#include "queue/queue_context.h"
#include "queue/settlement.h"
#include "queue/unit.h"

namespace gapless::queue {

class UnitLoader {
 public:
  class Owner {
   public:
    // Null: it has ended.
    virtual Unit* FindUnit(uint64_t id) = 0;
    // What is left of its parts.
    virtual void Fill(Unit& unit, otlp::Batch batch) = 0;
    virtual void OnLoaded(Unit& unit) = 0;
    // Nothing of it could be read; what became of its records is booked.
    virtual void OnNothingToSend(Unit& unit) = 0;
    // A unit that had ended meanwhile gives its place free.
    virtual void OnLoadedInVain() = 0;

   protected:
    ~Owner() = default;
  };
  // All outlive it.
  UnitLoader(const QueueContext& queue, SettlementTracker& tracker, Owner& owner)
      : queue_(queue), tracker_(tracker), owner_(owner) {}

  bool HasRoom() const;
  // Does nothing if the unit is being read already. May answer inside the call.
  void Load(Unit& unit);

 private:
  void OnRead(uint64_t unit_id, ReadBatches batches);

  const QueueContext& queue_;
  SettlementTracker& tracker_;
  Owner& owner_;
  size_t loading_ = 0;
  Lifetime lifetime_;
};

}  // namespace gapless::queue
