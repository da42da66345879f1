// UnitSettler: the end of a unit: what became of its items, on the records that they came from, in
// the metrics and in the log. What every level rejects goes to the dead letter queue first. Home
// loop.
#pragma once

#include "base/loop.h"
#include "queue/admission.h"
#include "queue/backfills.h"
#include "queue/dead_letter.h"
#include "queue/queue_context.h"
#include "queue/settlement.h"
#include "queue/unit.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace gapless::queue {

class UnitSettler {
 public:
  // What it asks of the owner of the units.
  class Owner {
   public:
    // The unit has ended: it is forgotten.
    virtual void OnUnitEnded(Unit& unit) = 0;
    // The unit is in nobody's hands until the dead letter queue has answered.
    virtual void Withdraw(Unit& unit) = 0;
    // Reads the unit, and comes back with it: Drop(*unit.buried_as).
    virtual void ReadToBury(Unit& unit) = 0;
    virtual Unit* FindUnit(uint64_t id) = 0;
    // What waits for the dead letter queue stays pending: the next start tries again.
    virtual bool StaysPending() const = 0;

   protected:
    ~Owner() = default;
  };

  // All references outlive it.
  UnitSettler(const QueueContext& queue, SettlementTracker& tracker, Backfills& backfills,
              const Admission& admission, Owner& owner);
  UnitSettler(const UnitSettler&) = delete;
  UnitSettler& operator=(const UnitSettler&) = delete;

  // The options have changed.
  void Reconfigure() { dead_letter_.SetTarget(queue_.options.dead_letter); }
  // The queue ends: the dead letter queue is asked once more only.
  void Finish() { dead_letter_.Finish(); }

  // Level `by` took it (none: one that left the configuration), but for `filtered` items that
  // processors removed and `refused` ones that it named.
  void Delivered(Unit& unit, uint64_t filtered, uint64_t refused, std::optional<size_t> by);
  void Drop(Unit& unit, journal::DropReason reason);
  // Nothing is left of it; what became of its records is booked.
  void Forget(Unit& unit) { owner_.OnUnitEnded(unit); }
  // What units that only wait may take of the queue, in its unit of size.
  double ParkedMax() const;
  double SizeOf(const Unit& unit) const { return admission_.SizeOf(unit.items, unit.held.bytes); }

  // Items that a destination may hold twice.
  void CountDuplicates(uint64_t items);
  uint64_t possible_duplicates() const { return possible_duplicates_; }
  telemetry::Sampled& failures_log() { return failures_log_; }

 private:
  void OnBuried(uint64_t unit, journal::DropReason reason, bool stored);
  void DropNow(Unit& unit, journal::DropReason reason, std::string_view dead_letter);

  const QueueContext& queue_;
  SettlementTracker& tracker_;
  Backfills& backfills_;
  const Admission& admission_;
  Owner& owner_;
  DeadLetter dead_letter_;
  uint64_t possible_duplicates_ = 0;
  telemetry::Sampled failures_log_{2, std::chrono::seconds(10)};
};

}  // namespace gapless::queue
