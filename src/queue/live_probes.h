// LiveProbes: probes of a level with live data, which the router asks for where an empty export
// proves nothing, or before a level is used again: which unit serves, and what to do while none is
// there. Home loop.
#pragma once

#include "queue/backfills.h"
#include "queue/failover_controller.h"
#include "queue/unit_carrier.h"
#include "queue/unit_scheduler.h"
#include "queue/unit_source.h"

#include <optional>

namespace gapless::queue {

class LiveProbes {
 public:
  // All outlive it.
  LiveProbes(UnitScheduler& scheduler, UnitSource& source, UnitCarrier& carrier,
             Backfills& backfills, FailoverController& failover)
      : scheduler_(scheduler),
        source_(source),
        carrier_(carrier),
        backfills_(backfills),
        failover_(failover) {}

  // Sends one unit to the level. False: none can serve; with LiveProbeKind::kAny the next one that
  // comes shall, live or owed.
  bool Start(size_t level, routing::LiveProbeKind kind);
  // Sends the unit that was waited for, if it has come.
  void Dispatch();
  // The level waits for a unit to come.
  bool IsWanted(size_t level) const;
  // An attempt with owed data has ended there, which tells as much.
  void OnOldAttempt(size_t level, const sending::AttemptResult& result);
  // The levels have changed.
  void Reset() { wanted_.reset(); }

 private:
  Unit* Candidate(size_t level, routing::LiveProbeKind kind);
  Unit* Waiting(size_t level, const std::function<bool(const UnitTrack&)>& wanted);
  void Send(Unit& unit, size_t level);

  UnitScheduler& scheduler_;
  UnitSource& source_;
  UnitCarrier& carrier_;
  Backfills& backfills_;
  FailoverController& failover_;
  std::optional<size_t> wanted_;
};

}  // namespace gapless::queue
