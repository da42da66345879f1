#include "queue/unit_outcomes.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

using Step = UnitDecision::Step;

// A single record that fails so often, over so long, no longer holds up its resource.
constexpr uint32_t kFaultsMax = 5;
constexpr Duration kFaultTime = std::chrono::minutes(1);
// So few units are all that there is to send to a level that has taken nothing yet.
constexpr size_t kUnitsAlone = 64;
constexpr Duration kOvertakeWait = std::chrono::seconds(10);

// Queue off: the level had its part of the client's deadline. Says nothing about the level.
bool ShareRanOut(const sending::AttemptResult& result) {
  return result.unknown && result.status.code() == Code::kDeadlineExceeded &&
         result.status.origin() == Origin::kLocal;
}

// A peer that answers fails the unit, in words that do not say whose fault it is.
bool BlamesItself(const sending::AttemptResult& result) {
  return result.outcome == sending::OutcomeClass::kFaulty && !result.unknown &&
         result.status.origin() == Origin::kPeer;
}

std::vector<UnitParts> Two(std::pair<UnitParts, UnitParts> halves) {
  return {std::move(halves.first), std::move(halves.second)};
}

}  // namespace

void UnitOutcomes::Reconfigure() {
  levels_.assign(parts_.queue.options.levels.size(), {});
  ask_again_.Cancel();
  asked_again_ = false;
}

void UnitOutcomes::OnAttempt(LevelSender& level, size_t path, Unit& unit,
                             const sending::AttemptResult& result) {
  const Turns::Turn turn(parts_.turns);
  const bool proved = parts_.failover.router().proved(level.index());
  const bool delivered = result.outcome == sending::OutcomeClass::kOk;
  if (delivered) {
    // Of several paths one proves nothing: the unit itself would count as one of the others.
    levels_[level.index()].successes += level.paths() == 1 ? 1 : 0;
    levels_[level.index()].fault_cuts.OnSuccess(unit.faults.piece);
    parts_.backfills.OnLiveSuccess(level.index());
  } else {
    unit.last_error = result.status;
    unit.copies += (result.unknown ? 1 : 0) + (result.resent ? 1 : 0);
    LogFailure(unit, level.index(), result);
  }
  NoteFault(level, unit, result);
  if (unit.live_probe) {
    return;  // its end tells the router
  }
  const bool suspected = NoteFailure(unit.tracks[level.index()], levels_[level.index()].successes,
                                     result.outcome, parts_.queue.options.router.fall);
  const uint64_t id = unit.id;
  TellRouter(level, path, unit, result);
  if (delivered && (parts_.scheduler.any_aside() || !proved)) {
    ForgetDoubts(level.index());
  }
  if (FindUnit(id) == nullptr || unit.level != level.index()) {
    return;
  }
  if (result.cut_to > 0 && unit.items > result.cut_to) {
    Cut(unit, CutToItems(unit.parts, result.cut_to));
  } else if (suspected) {
    const UnitDecision decision = parts_.policy.OnSuspected(unit, result);
    if (decision.step == Step::kIsolate) {
      level.Isolate(unit, path);
    } else {
      Apply(unit, decision);
    }
  } else {
    CutFaulty(unit, level.index(), result);
  }
}

bool UnitOutcomes::CutFaulty(Unit& unit, size_t level, const sending::AttemptResult& result) {
  const bool again = unit.tracks[level].faulty >= FaultCuts::kFailures || unit.faults.piece;
  const UnitDecision decision = parts_.policy.OnFaulty(unit);
  if (!BlamesItself(result) || !again || decision.step == Step::kGoOn ||
      !levels_[level].fault_cuts.Allow(parts_.queue.home.Now())) {
    return false;
  }
  parts_.settler.failures_log().Log(
      parts_.queue.log, telemetry::LogLevel::kInfo, parts_.queue.home.Now(),
      "Exporting failed. Will send the request in pieces, to find what the destination fails on.",
      {{"destination", parts_.queue.options.levels[level].name},
       {"items", unit.items},
       {"error", result.status.message()}});
  const bool halve = decision.step == Step::kHalveRecords;
  for (Unit* piece : Cut(unit, Two(halve ? HalveRecords(unit.parts) : CutInHalf(unit.parts)))) {
    piece->faults.piece = true;
  }
  return true;
}

void UnitOutcomes::TellRouter(const LevelSender& level, size_t path, const Unit& unit,
                              const sending::AttemptResult& result) {
  const UnitTrack& track = unit.tracks[level.index()];
  parts_.failover.Feed({.kind = routing::RouterEvent::Kind::kAttempt,
                        .level = level.index(),
                        .member = path,
                        .unit = unit.id,
                        .first_record = unit.parts.front().position,
                        .outcome = result.outcome,
                        .answered = result.status.ok() || result.status.origin() == Origin::kPeer,
                        .known_bad = (result.too_large && unit.items > 1) || IsInvalid(unit),
                        .may_be_there = MayBeThere(unit),
                        .holds_up = unit.lanes != 0 && !track.others_succeeded,
                        .delay = result.pause,
                        .work_waits = parts_.failover.WorkWaits(),
                        .error = result.status.message()});
}

// What went wrong, and what happens next.
void UnitOutcomes::LogFailure(const Unit& unit, size_t level,
                              const sending::AttemptResult& result) {
  const bool rejected = result.outcome == sending::OutcomeClass::kRejected;
  const bool pieces = unit.parts.size() > 1 || (result.too_large && unit.items > 1);
  std::string_view message = "Exporting failed. Will retry the request after interval.";
  if (rejected && pieces) {
    message = "Exporting failed. Will send the request in pieces.";
  } else if (rejected && !parts_.failover.router().proved(level) &&
             parts_.queue.options.ack != Ack::kSettled) {
    message =
        "Exporting failed. The destination has taken nothing yet, the data is kept. "
        "Check its path, encoding, compression and headers.";
  } else if (rejected) {
    message = "Exporting failed. The destination rejects the request.";
  }
  parts_.settler.failures_log().Log(
      parts_.queue.log, rejected ? telemetry::LogLevel::kWarn : telemetry::LogLevel::kInfo,
      parts_.queue.home.Now(), message,
      {{"destination", parts_.queue.options.levels[level].name},
       {"class", ToString(result.outcome)},
       {"items", unit.items},
       {"error", result.status.message()}});
}

// The order of a resource is given up for a unit that fails again and again for no reason but
// itself: it must not stop its resource for ever.
void UnitOutcomes::NoteFault(LevelSender& level, Unit& unit, const sending::AttemptResult& result) {
  unit.tracks[level.index()].faulty += BlamesItself(result) ? 1 : 0;
  const bool own =
      result.outcome == sending::OutcomeClass::kFaulty ||
      (result.outcome == sending::OutcomeClass::kTransport &&
       result.status.origin() == Origin::kLocal && unit.tracks[level.index()].suspected);
  if (!own || unit.lanes == 0 || unit.parts.size() > 1) {
    return;
  }
  if (unit.faults.count++ == 0) {
    unit.faults.first = parts_.queue.home.Now();
  }
  if (unit.faults.count >= kFaultsMax &&
      parts_.queue.home.Now() - unit.faults.first >= kFaultTime) {
    parts_.scheduler.LeaveOrder(unit);
    level.FreeLanes(unit);
  }
}

// An attempt whose outcome nobody heard may have delivered it, also one of an earlier process: then
// some backends refuse it as old, which says nothing about them.
bool UnitOutcomes::MayBeThere(const Unit& unit) const {
  return unit.copies > 0 || unit.parts.front().position < start_;
}

void UnitOutcomes::ForgetDoubts(size_t level) {
  parts_.scheduler.BringBack(level);
  parts_.scheduler.Unpark();
}

void UnitOutcomes::OnPathDelivered(LevelSender& level, size_t path, Unit& unit,
                                   const sending::AttemptResult& result) {
  const Unit::Path& state = unit.paths[path];
  parts_.queue.stats.Sent(level.index(), path, state.sent_items - state.refused_items);
  if (result.rejected_items > 0 || !result.warning.empty()) {
    parts_.settler.failures_log().Log(
        parts_.queue.log, telemetry::LogLevel::kWarn, parts_.queue.home.Now(),
        "Partial success response",
        {{"message", result.warning}, {"dropped_items", result.rejected_items}});
  }
}

void UnitOutcomes::OnDelivered(LevelSender& level, Unit& unit, const LevelSender::Taken& taken,
                               const sending::AttemptResult& result) {
  const Turns::Turn turn(parts_.turns);
  LevelCounts& counts = levels_[level.index()];
  counts.successes += level.paths() > 1 ? 1 : 0;
  counts.delivered_items += taken.delivered + taken.refused;
  const bool live_probe = std::exchange(unit.live_probe, false);
  parts_.settler.CountDuplicates(unit.items * (unit.copies + (result.resent ? 1 : 0)));
  parts_.settler.Delivered(unit, taken.filtered, taken.refused, level.index());
  if (live_probe) {
    parts_.failover.Feed({.kind = routing::RouterEvent::Kind::kLiveProbe,
                          .level = level.index(),
                          .outcome = result.outcome,
                          .error = result.status.message()});
    ForgetDoubts(level.index());
  }
}

void UnitOutcomes::OnFailed(LevelSender&, Unit& unit, sending::DeliveryEnd end,
                            const sending::AttemptResult& result) {
  const Turns::Turn turn(parts_.turns);
  unit.last_error = result.status;
  if (unit.live_probe && !ShareRanOut(result)) {
    OnProbeFailed(unit, end, result);
  } else if (end == sending::DeliveryEnd::kRejected) {
    OnRejected(unit, result);
  } else {
    OnGaveUp(unit, result);
  }
  parts_.turns.WantDispatch();
}

void UnitOutcomes::OnProbeFailed(Unit& unit, sending::DeliveryEnd end,
                                 const sending::AttemptResult& result) {
  const size_t level = *unit.level;
  unit.live_probe = false;
  if (end == sending::DeliveryEnd::kRejected) {
    OnRejected(unit, result);
  } else if (!CutFaulty(unit, level, result)) {
    unit.tracks[level].failed_probe = true;
    Apply(unit, {.step = Step::kWait});
  }
  parts_.failover.Feed({.kind = routing::RouterEvent::Kind::kLiveProbe,
                        .level = level,
                        .outcome = end == sending::DeliveryEnd::kRejected
                                       ? sending::OutcomeClass::kRejected
                                       : result.outcome,
                        .error = result.status.message()});
}

void UnitOutcomes::OnRejected(Unit& unit, const sending::AttemptResult& result) {
  if (result.too_large && unit.items > 1) {
    parts_.source.AvoidSize(unit.held.bytes);
  }
  const bool alone = parts_.source.empty() && parts_.scheduler.size() <= kUnitsAlone;
  const bool may_cut = parts_.policy.MayCutRecord(unit, alone) &&
                       !(result.too_large && unit.items > 1) &&
                       parts_.tracker.MayCutAgain(unit.parts.front().position);
  UnitDecision decision = parts_.policy.OnRejected(unit, result, may_cut);
  if (decision.step == Step::kWait || decision.step == Step::kSetAside) {
    parts_.policy.NoteRefusal(unit, result);
    parts_.queue.stats.RejectedBy(*unit.level, unit.items, result.status);
    decision = parts_.policy.OnRejected(unit, result, may_cut);  // it may be invalid now
  }
  Apply(unit, decision);
}

void UnitOutcomes::OnGaveUp(Unit& unit, const sending::AttemptResult& result) {
  unit.copies += ShareRanOut(result) ? 1 : 0;  // no attempt was reported
  unit.tracks[*unit.level].gave_up = true;
  const UnitDecision decision = parts_.policy.OnGaveUp(unit);
  if (decision.step == Step::kRest) {
    // Tried again at the slowest pace.
    for (UnitTrack& track : unit.tracks) {
      track.gave_up = false;
      track.failing = false;
      track.failures = 0;
    }
  }
  Apply(unit, decision);
}

void UnitOutcomes::Apply(Unit& unit, const UnitDecision& decision) {
  switch (decision.step) {
    case Step::kSetAside:
      if (MayOvertake()) {
        parts_.scheduler.SetAside(unit);
      }
      [[fallthrough]];
    case Step::kWait:
      parts_.carrier.Withdraw(unit);
      parts_.scheduler.Wait(unit, UnitScheduler::Place::kFirst);
      break;
    case Step::kRest:
      parts_.carrier.Withdraw(unit);
      parts_.scheduler.Rest(unit, parts_.queue.home.Now() + parts_.queue.options.max_interval);
      break;
    case Step::kPark:
      parts_.scheduler.Park(unit, parts_.settler.SizeOf(unit));
      break;
    case Step::kCutInHalf:
      Cut(unit, Two(CutInHalf(unit.parts)));
      break;
    case Step::kHalveRecords:
      Cut(unit, Two(HalveRecords(unit.parts)));
      break;
    case Step::kCutToRecords:
      Cut(unit, CutToRecords(unit.parts));
      break;
    case Step::kDrop:
      parts_.settler.Drop(unit, decision.reason);
      break;
    case Step::kSend:
    case Step::kIsolate:
    case Step::kGoOn:
      return;
  }
  parts_.turns.WantDispatch();
}

bool UnitOutcomes::MayOvertake() {
  if (!ask_again_.armed()) {
    ask_again_ = parts_.queue.home.RunAfter(kOvertakeWait, [this] {
      const Turns::Turn turn(parts_.turns);
      asked_again_ = true;
      for (size_t level = 0; level < levels_.size(); ++level) {
        ForgetDoubts(level);
      }
      parts_.turns.WantDispatch();
    });
  }
  return std::exchange(asked_again_, false);
}

std::vector<Unit*> UnitOutcomes::Cut(Unit& unit, std::vector<UnitParts> pieces) {
  parts_.carrier.Withdraw(unit);
  for (const UnitParts& piece : pieces) {
    for (const UnitPart& part : piece) {
      if (!part.whole) {
        parts_.tracker.Open(part.position);
      }
    }
  }
  parts_.turns.WantDispatch();
  return parts_.scheduler.Cut(unit.id, std::move(pieces));
}

// An OK settles the unit, and what was sent elsewhere meanwhile is a possible duplicate; a failure
// changes nothing.
void UnitOutcomes::OnLate(LevelSender& level, const LevelSender::SentUnit& sent,
                          const sending::AttemptResult& result) {
  const Turns::Turn turn(parts_.turns);
  const std::optional<size_t> index =
      level.detached() ? parts_.queue.options.LevelNamed(level.name()) : level.index();
  const bool delivered = level.paths() == 1 && result.outcome == sending::OutcomeClass::kOk;
  Unit* unit = FindUnit(sent.id);
  parts_.turns.WantDispatch();  // something may have waited for this
  if (unit == nullptr) {
    // Settled without it, and counted as one copy.
    parts_.settler.CountDuplicates(result.resent ? sent.items : 0);
    parts_.backfills.OnLiveLate(index, sent.id, delivered);
    return;
  }
  if (index && unit->tracks[*index].late > 0) {
    --unit->tracks[*index].late;
  }
  if (unit->waits == Unit::Waits::kParked) {
    parts_.scheduler.Wait(*unit, UnitScheduler::Place::kLast);
  }
  if (!delivered) {
    if (result.outcome != sending::OutcomeClass::kOk && !result.unknown && !result.resent) {
      --unit->copies;  // it did not deliver, that is known now
    }
    return;
  }
  parts_.carrier.Withdraw(*unit);  // what runs elsewhere is one copy more
  parts_.settler.CountDuplicates(unit->items * (unit->copies - (result.resent ? 0 : 1)));
  const uint64_t refused = std::min<uint64_t>(result.rejected_items, unit->items);
  if (index) {
    levels_[*index].fault_cuts.OnSuccess(unit->faults.piece);
    levels_[*index].delivered_items += unit->items;
    parts_.queue.stats.Sent(*index, 0, unit->items - refused);
  }
  parts_.settler.Delivered(*unit, 0, refused, index);
}

void UnitOutcomes::OnNews(LevelSender& level, size_t path, LevelSender::News news,
                          const Status& status) {
  using Kind = routing::RouterEvent::Kind;
  const Turns::Turn turn(parts_.turns);
  const Kind kind = news == LevelSender::News::kDialFailed       ? Kind::kDialFailed
                    : news == LevelSender::News::kConnectionLost ? Kind::kConnectionLost
                                                                 : Kind::kConnected;
  parts_.failover.Feed(
      {.kind = kind, .level = level.index(), .member = path, .error = status.message()});
}

void UnitOutcomes::OnRoom() {
  const Turns::Turn turn(parts_.turns);
  parts_.turns.WantDispatch();
}

}  // namespace gapless::queue
