#include "queue/live_probes.h"

namespace gapless::queue {

bool LiveProbes::Start(size_t level, routing::LiveProbeKind kind) {
  if (Unit* unit = Candidate(level, kind)) {
    Send(*unit, level);
    return true;
  }
  if (kind == routing::LiveProbeKind::kAny || kind == routing::LiveProbeKind::kOther) {
    wanted_ = level;
    backfills_.Wake(level);
  }
  return false;
}

void LiveProbes::Send(Unit& unit, size_t level) {
  unit.live_probe = true;
  carrier_.Send(unit, level);
}

void LiveProbes::Dispatch() {
  if (!wanted_ || !carrier_.HasRoom(*wanted_)) {
    return;
  }
  const size_t level = *wanted_;
  if (!IsWanted(level)) {
    wanted_.reset();
    return;
  }
  if (Unit* unit = source_.Take(level, /*flush=*/true)) {
    wanted_.reset();
    failover_.Feed({.kind = routing::RouterEvent::Kind::kUnitCame, .level = level, .error = {}});
    Send(*unit, level);
  }
}

bool LiveProbes::IsWanted(size_t level) const {
  return wanted_ == level && failover_.router().state(level) == routing::LevelState::kLiveProbing;
}

void LiveProbes::OnOldAttempt(size_t level, const sending::AttemptResult& result) {
  if (IsWanted(level)) {
    wanted_.reset();
    failover_.FeedLater({.kind = routing::RouterEvent::Kind::kLiveProbe,
                         .level = level,
                         .outcome = result.outcome,
                         .error = result.status.message()});
  }
}

// The oldest unit that waits and whose turn it is.
Unit* LiveProbes::Waiting(size_t level, const std::function<bool(const UnitTrack&)>& wanted) {
  return scheduler_.FindWaiting([&](const Unit& unit) {
    const UnitTrack& track = unit.tracks[level];
    const bool may_try = !(track.rejected && track.certain) && track.late == 0;
    return may_try && wanted(track) && carrier_.MayGo(unit, level);
  });
}

Unit* LiveProbes::Candidate(size_t level, routing::LiveProbeKind kind) {
  if (kind == routing::LiveProbeKind::kOldest) {
    return Waiting(level, [](const UnitTrack&) { return true; });
  }
  Unit* unit = Waiting(level, [](const UnitTrack& track) {
    return !track.rejected && !track.failed_probe && track.failures == 0;
  });
  if (unit == nullptr && carrier_.HasRoom(level)) {
    source_.Refresh();
    unit = source_.Take(level, /*flush=*/true);
  }
  if (unit == nullptr && kind == routing::LiveProbeKind::kAny) {
    unit = Waiting(level, [](const UnitTrack& track) { return !track.rejected; });
  }
  return unit;
}

}  // namespace gapless::queue
