// What attempts bring: settled, taken elsewhere, cut, or dropped for a named reason.
#include "delivery/path_client.h"
#include "delivery/sending_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace gapless::delivery {
namespace {

// A single record that fails so often, over so long, no longer holds up its resource.
constexpr uint32_t kFaultsMax = 5;
constexpr Duration kFaultTime = std::chrono::minutes(1);
// How long merged units stay below a size that a peer refused.
constexpr Duration kByteCapTime = std::chrono::minutes(10);
// Refusals of pieces of one record after which it is not cut any further.
constexpr uint32_t kRefusalsMax = 256;

// Queue off: the level had its part of the client's deadline. Says nothing about the level.
bool ShareRanOut(const AttemptResult& result) {
  return result.unknown && result.status.code() == Code::kDeadlineExceeded &&
         result.status.origin() == Origin::kLocal;
}

}  // namespace

void SendingQueue::OnAttempt(size_t level, size_t path, uint64_t unit_id,
                             const AttemptResult& result) {
  const auto it = units_.find(unit_id);
  if (it == units_.end()) {
    return;
  }
  Unit& unit = it->second;
  const bool proved = router_.proved(level);
  if (result.outcome == OutcomeClass::kOk) {
    // Of several paths one proves nothing: the unit itself would count as one of the others.
    levels_[level].successes += levels_[level].paths.size() == 1 ? 1 : 0;
    if (level < backfills_.size()) {
      backfills_[level]->OnLiveSuccess();
    }
  } else {
    unit.last_error = result.status;
    unit.copies += (result.unknown ? 1 : 0) + (result.resent ? 1 : 0);
    LogFailure(unit, level, result);
  }
  NoteFault(unit, result);
  if (unit.trial) {
    return;  // OnEnd tells the router
  }
  const bool suspected = IsSuspected(unit, level, result.outcome);
  Feed({.kind = RouterEvent::Kind::kAttempt,
        .level = level,
        .member = path,
        .unit = unit_id,
        .first_record = unit.parts.front().position,
        .outcome = result.outcome,
        .answered = result.status.ok() || result.status.origin() == Origin::kPeer,
        .known_bad = (result.too_large && unit.items > 1) || IsInvalid(unit) || MayBeThere(unit),
        .holds_up = unit.lanes != 0 && !unit.tracks[level].others_succeeded,
        .delay = result.pause,
        .work_waits = WorkWaits(),
        .error = result.status.message()});
  if (result.outcome == OutcomeClass::kOk && (asides_ > 0 || !proved)) {
    BringBack(level);
  }
  if (!units_.contains(unit_id) || unit.level != level) {
    return;
  }
  if (result.cut_to > 0 && unit.items > result.cut_to) {
    ReleasePaths(unit);
    Cut(unit, CutToItems(unit.parts, result.cut_to));
  } else if (suspected) {
    OnSuspected(unit, path, result);
  }
}

// What went wrong, and what happens next.
void SendingQueue::LogFailure(const Unit& unit, size_t level, const AttemptResult& result) {
  const bool rejected = result.outcome == OutcomeClass::kRejected;
  const bool pieces = unit.parts.size() > 1 || (result.too_large && unit.items > 1);
  std::string_view message = "Exporting failed. Will retry the request after interval.";
  if (rejected && pieces) {
    message = "Exporting failed. Will send the request in pieces.";
  } else if (rejected && !router_.proved(level) && options_.ack != Ack::kSettled) {
    message =
        "Exporting failed. The destination has taken nothing yet, the data is kept. "
        "Check its path, encoding, compression and headers.";
  } else if (rejected) {
    message = "Exporting failed. The destination rejects the request.";
  }
  failures_log_.Log(log_, rejected ? telemetry::LogLevel::kWarn : telemetry::LogLevel::kInfo,
                    home_.Now(), message,
                    {{"destination", options_.levels[level].name},
                     {"class", ToString(result.outcome)},
                     {"items", unit.items},
                     {"error", result.status.message()}});
}

// The order of a resource is given up for a unit that fails again and again for no reason but
// itself: it must not stop its resource for ever.
void SendingQueue::NoteFault(Unit& unit, const AttemptResult& result) {
  const bool own = result.outcome == OutcomeClass::kFaulty ||
                   (result.outcome == OutcomeClass::kTransport && unit.level &&
                    result.status.origin() == Origin::kLocal && unit.tracks[*unit.level].suspected);
  if (!own || unit.lanes == 0 || unit.parts.size() > 1) {
    return;
  }
  if (unit.faults++ == 0) {
    unit.first_fault = home_.Now();
  }
  if (unit.faults >= kFaultsMax && home_.Now() - unit.first_fault >= kFaultTime) {
    LeaveOrder(unit);
  }
}

// An attempt whose outcome nobody heard may have delivered it, also one of an earlier process: then
// some backends refuse it as old, which says nothing about them.
bool SendingQueue::MayBeThere(const Unit& unit) const {
  return unit.copies > 0 || unit.parts.front().position < start_;
}

// Whether anything is left to send beside the attempts whose answers come as they should.
bool SendingQueue::WorkWaits() const { return !backlog_.empty() || !units_.empty(); }

// Others of its lanes may go before it, to learn whether the fault is the unit's or the level's.
void SendingQueue::SetAside(Unit& unit) {
  if (!unit.parked && !std::exchange(unit.aside, true)) {
    lane_order_.Remove({.unit = unit.id, .lanes = unit.lanes});
    ++asides_;
  }
}

// The level takes data after all, or has gone down: what was set aside is tried again, before what
// is younger.
void SendingQueue::BringBack(size_t level) {
  for (auto it = units_.rbegin(); it != units_.rend(); ++it) {
    Unit& unit = it->second;
    UnitTrack& track = unit.tracks[level];
    track.rejected = track.rejected && track.certain;
    if (std::exchange(unit.aside, false)) {
      unit.not_before.reset();
      lane_order_.AddFirst({.unit = unit.id, .lanes = unit.lanes});
    }
  }
  asides_ = 0;
}

// A unit that fails while others get through: cut, so that only one record is suspected, and sent
// over a connection of its own. What the peer itself fails is tried on other levels; if there is
// none it goes on here until its series is over.
void SendingQueue::OnSuspected(Unit& unit, size_t path, const AttemptResult& result) {
  if (std::ranges::any_of(unit.paths, &Unit::Path::done)) {
    return;  // its pieces would go again where the whole is
  }
  if (unit.parts.size() > 1) {
    ReleasePaths(unit);
    CutToRecords(unit);
    return;
  }
  UnitTrack& track = unit.tracks[*unit.level];
  if (!std::exchange(track.suspected, true)) {
    levels_[*unit.level].paths[path]->Isolate(unit.paths[path].delivery);
  }
  if (result.outcome != OutcomeClass::kFaulty) {
    return;
  }
  track.failing = true;
  const auto other = ChooseLevel(unit);
  if (other && Reluctance(unit, *other) == 0) {
    ReleasePaths(unit);
    Return(unit, /*front=*/true);
  }
}

bool SendingQueue::IsSuspected(Unit& unit, size_t level, OutcomeClass outcome) {
  if (outcome == OutcomeClass::kOk || outcome == OutcomeClass::kThrottled) {
    return false;
  }
  UnitTrack& track = unit.tracks[level];
  if (track.failures++ == 0) {
    track.successes_before = levels_[level].successes;
  }
  track.others_succeeded = levels_[level].successes > track.successes_before;
  return outcome != OutcomeClass::kRejected && track.others_succeeded &&
         track.failures >= options_.router.fall;
}

void SendingQueue::OnEnd(size_t path, uint64_t unit_id, DeliveryEnd end,
                         const AttemptResult& result) {
  const auto it = units_.find(unit_id);
  if (it == units_.end()) {
    return;
  }
  Unit& unit = it->second;
  if (unit.trial && !ShareRanOut(result)) {
    OnTrialEnd(unit, path, end, result);
    return;
  }
  switch (end) {
    case DeliveryEnd::kDelivered:
      OnPathDelivered(unit, path, result);
      return;
    case DeliveryEnd::kRejected:
      ReleasePaths(unit);
      OnRejected(unit, result);
      return;
    case DeliveryEnd::kGaveUp:
      ReleasePaths(unit);
      OnGaveUp(unit, result);
      return;
    case DeliveryEnd::kLate:
      return;
  }
}

void SendingQueue::OnPathDelivered(Unit& unit, size_t path, const AttemptResult& result) {
  Unit::Path& state = unit.paths[path];
  state.done = true;
  state.refused_items = std::min<uint64_t>(result.rejected_items, state.sent_items);
  stats_->Sent(*unit.level, path, state.sent_items - state.refused_items);
  if (result.rejected_items > 0 || !result.warning.empty()) {
    failures_log_.Log(log_, telemetry::LogLevel::kWarn, home_.Now(), "Partial success response",
                      {{"message", result.warning}, {"dropped_items", result.rejected_items}});
  }
  if (std::ranges::all_of(unit.paths, &Unit::Path::done)) {
    OnUnitDelivered(unit, result);
  }
}

void SendingQueue::OnUnitDelivered(Unit& unit, const AttemptResult& result) {
  // Several paths: an item counts as filtered or refused only where no path sent it.
  uint64_t sent = 0;
  uint64_t refused = unit.items;
  for (const Unit::Path& path : unit.paths) {
    sent = std::max<uint64_t>(sent, path.sent_items);
    refused = std::min(refused, path.refused_items);
  }
  LevelRuntime& level = levels_[*unit.level];
  level.successes += level.paths.size() > 1 ? 1 : 0;
  level.delivered_items += sent;
  CountDuplicates(unit.items * (unit.copies + (result.resent ? 1 : 0)));
  BookUnit(unit, unit.items - std::min<uint64_t>(sent, unit.items), refused, unit.level);
  Erase(unit.id);
}

// An attempt that was handed over has ended after all. An OK settles the unit, and what was sent
// elsewhere meanwhile is a possible duplicate; a failure changes nothing.
void SendingQueue::OnLate(std::optional<size_t> level, bool alone, uint64_t unit_id,
                          const AttemptResult& result) {
  const auto it = units_.find(unit_id);
  if (it == units_.end()) {
    OnLateOfSettled(level, unit_id, alone && result.outcome == OutcomeClass::kOk);
    return;
  }
  Unit& unit = it->second;
  if (level && unit.tracks[*level].late > 0) {
    --unit.tracks[*level].late;
  }
  if (!alone || result.outcome != OutcomeClass::kOk) {
    if (result.outcome != OutcomeClass::kOk && !result.unknown && !result.resent) {
      --unit.copies;  // it did not deliver, that is known now
    }
    Dispatch();  // it may have waited for this
    return;
  }
  ReleasePaths(unit);  // what runs elsewhere is one copy more
  CountDuplicates(unit.items * (unit.copies - (result.resent ? 0 : 1)));
  const uint64_t refused = std::min<uint64_t>(result.rejected_items, unit.items);
  if (level) {
    levels_[*level].delivered_items += unit.items;
    stats_->Sent(*level, 0, unit.items - refused);
  }
  BookUnit(unit, 0, refused, level);
  Erase(unit.id);
}

void SendingQueue::OnRejected(Unit& unit, const AttemptResult& result) {
  unit.last_error = result.status;
  if (result.too_large && unit.items > 1) {
    backlog_.SetByteCap(unit.batch.raw_size / 2, home_.WallNow() + kByteCapTime);
    auto [first, second] = CutInHalf(unit.parts);
    Cut(unit, {std::move(first), std::move(second)});
    return;
  }
  const size_t records = unit.parts.size();
  if (records > 1) {
    const auto middle = unit.parts.begin() + static_cast<ptrdiff_t>(records / 2);
    Cut(unit, {{unit.parts.begin(), middle}, {middle, unit.parts.end()}});
    return;
  }
  if (MayCutRecord(unit)) {
    auto [first, second] = CutInHalf(unit.parts);
    Cut(unit, {std::move(first), std::move(second)});
    return;
  }
  const size_t level = *unit.level;
  UnitTrack& track = unit.tracks[level];
  track.rejected = true;
  track.certain = router_.proved(level) || options_.ack == Ack::kSettled ||
                  result.status.origin() == Origin::kLocal;
  stats_->RejectedBy(level, unit.items, result.status);
  if (!IsInvalid(unit)) {
    SetAside(unit);
  }
  Return(unit, /*front=*/true);
}

// One bad item among good ones, on a level that takes others: half by half only the bad one is
// left. Where nothing of the record is taken, that is not tried for long. A level that has refused
// everything may take a part: the trials find out.
bool SendingQueue::MayCutRecord(const Unit& unit) {
  const size_t level = *unit.level;
  const bool asked = router_.proved(level) || (router_.down_by_refusal(level) && IsOnTrial(level));
  if (unit.items < 2 || options_.ack == Ack::kSettled || !asked) {
    return false;
  }
  Open(unit.parts.front().position);
  const auto it = records_.find(unit.parts.front().position);
  if (it == records_.end()) {
    return false;  // the journal gave it up
  }
  OpenRecord& record = it->second;
  ++record.refusals;
  const auto depth = static_cast<uint32_t>(std::bit_width(record.items));
  return record.refusals <= std::min(kRefusalsMax, 2 * depth * (1 + record.taken));
}

void SendingQueue::CutToRecords(Unit& unit) {
  std::vector<UnitParts> singles;
  for (const UnitPart& part : unit.parts) {
    singles.push_back({part});
  }
  Cut(unit, std::move(singles));
}

// The pieces take the unit's place; what the unit went through as a whole is forgotten.
void SendingQueue::Cut(Unit& unit, std::vector<UnitParts> pieces) {
  const uint32_t copies = unit.copies;
  const bool aside = unit.aside;
  const bool parked = unit.parked;
  asides_ -= aside ? 1 : 0;
  const LaneOrder::Entry whole{.unit = unit.id, .lanes = unit.lanes};
  AbandonTrial(unit);
  std::erase(returned_, unit.id);
  units_.erase(unit.id);
  std::vector<LaneOrder::Entry> entries;
  std::vector<uint64_t> ids;
  for (UnitParts& piece : pieces) {
    Unit& part = MakeUnit(std::move(piece));
    part.copies = copies;
    part.aside = aside;
    part.parked = parked;
    asides_ += aside ? 1 : 0;
    part.lanes &= whole.lanes;  // none if it has left the order
    entries.push_back({.unit = part.id, .lanes = part.lanes});
    ids.push_back(part.id);
  }
  if (!aside && !parked) {
    lane_order_.Replace(whole, entries);
  }
  returned_.insert(returned_.begin(), ids.begin(), ids.end());
  Dispatch();
}

void SendingQueue::OnGaveUp(Unit& unit, const AttemptResult& result) {
  unit.last_error = result.status;
  if (ShareRanOut(result)) {
    ++unit.copies;  // no attempt was reported
  }
  UnitTrack& track = unit.tracks[*unit.level];
  track.gave_up = true;
  if (options_.withdraw) {
    AbandonTrial(unit);  // its share of the client's deadline may have run out in one
    unit.level.reset();
    if (ChooseLevelNotTried(unit)) {
      Return(unit, /*front=*/true);
    } else {
      Drop(unit, journal::DropReason::kExpired);
    }
    return;
  }
  if (options_.queue.on_expiry == OnExpiry::kDrop || options_.ack == Ack::kSettled) {
    if (ChooseLevelNotTried(unit)) {
      Return(unit, /*front=*/true);
    } else {
      Drop(unit, journal::DropReason::kExpired);
    }
    return;
  }
  const bool poison = std::ranges::all_of(unit.tracks, [](const UnitTrack& seen) {
    return seen.rejected || (seen.gave_up && seen.others_succeeded);
  });
  if (poison && unit.parts.size() == 1) {
    Drop(unit, journal::DropReason::kPoison);
    return;
  }
  if (!ChooseLevelNotTried(unit)) {
    // Behind the others, and tried again at the slowest pace.
    unit.not_before = home_.Now() + options_.max_interval;
    for (UnitTrack& seen : unit.tracks) {
      seen.gave_up = false;
      seen.failing = false;
      seen.failures = 0;
    }
  }
  Return(unit, /*front=*/false);
}

std::optional<size_t> SendingQueue::ChooseLevelNotTried(const Unit& unit) const {
  const auto level = ChooseLevel(unit);
  return level && !unit.tracks[*level].gave_up ? level : std::nullopt;
}

void SendingQueue::OnTrialEnd(Unit& unit, size_t path, DeliveryEnd end,
                              const AttemptResult& result) {
  const size_t level = *unit.level;
  const uint64_t id = unit.id;
  if (end == DeliveryEnd::kDelivered) {
    // A level of several paths is proved when the last one answered.
    const auto open =
        std::ranges::count_if(unit.paths, [](const Unit::Path& p) { return !p.done; });
    unit.trial = open > 1;
    OnPathDelivered(unit, path, result);
    if (open > 1) {
      return;
    }
  } else {
    ReleasePaths(unit);
    if (end == DeliveryEnd::kRejected) {
      unit.trial = false;
      OnRejected(unit, result);
    } else {
      unit.tracks[level].failed_trial = true;
      unit.trial = false;
      unit.level.reset();
      returned_.push_front(id);
    }
  }
  Feed({.kind = RouterEvent::Kind::kTrial,
        .level = level,
        .outcome = end == DeliveryEnd::kRejected ? OutcomeClass::kRejected : result.outcome,
        .error = result.status.message()});
  if (end == DeliveryEnd::kDelivered) {
    BringBack(level);
  }
  Dispatch();
}

void SendingQueue::Drop(Unit& unit, journal::DropReason reason) {
  const bool invalid =
      reason == journal::DropReason::kRejected || reason == journal::DropReason::kPoison;
  if (invalid && unit.loaded && dead_letter_.on()) {
    Bury(unit, reason);
  } else {
    DropNow(unit, reason, {});
  }
}

// Its record stays pending until the dead letter queue has it.
void SendingQueue::Bury(Unit& unit, journal::DropReason reason) {
  AbandonTrial(unit);
  unit.level.reset();
  std::erase(returned_, unit.id);
  dead_letter_.Give(unit.id, reason,
                    WithReason(unit.batch, ToString(reason), unit.last_error, options_.name),
                    admission_.SizeOf(unit.items, unit.batch.raw_size), ParkedMax());
}

void SendingQueue::OnBuried(uint64_t unit_id, journal::DropReason reason, bool stored) {
  const auto it = units_.find(unit_id);
  const bool stays = on_shutdown_ && !retiring_ && journal_->tier() != "memory";
  if (it == units_.end() || closing_ || (!stored && stays)) {
    return;  // the next start tries again
  }
  DropNow(it->second, reason, stored ? std::string_view(dead_letter_.name()) : "");
}

void SendingQueue::DropNow(Unit& unit, journal::DropReason reason, std::string_view dead_letter) {
  stats_->Dropped(reason, unit.items, unit.last_error);
  failures_log_.Log(log_, telemetry::LogLevel::kError, home_.Now(),
                    "Exporting failed. Dropping data.",
                    {{"error", unit.last_error.message()},
                     {"reason", ToString(reason)},
                     {"dropped_items", unit.items},
                     {"dead_letter", dead_letter.empty() ? "none" : dead_letter}});
  const Status verdict = unit.last_error.ok() ? Unavailable("dropped") : unit.last_error;
  CountDuplicates(unit.items * (unit.copies - std::min<uint32_t>(unit.copies, 1)));
  BookDrop(unit, reason, verdict);
  Erase(unit.id);
}

void SendingQueue::Erase(uint64_t unit_id) {
  const auto it = units_.find(unit_id);
  AbandonTrial(it->second);
  lane_order_.Remove({.unit = unit_id, .lanes = it->second.lanes});
  asides_ -= it->second.aside ? 1 : 0;
  std::erase(returned_, unit_id);
  units_.erase(it);
  AdmitBlocked();
  CheckFailbackComplete();
  Dispatch();
  CheckDrained();
}

void SendingQueue::CheckFailbackComplete() {
  if (!failback_until_ || router_.active() != 0u) {
    return;
  }
  const auto oldest = journal_->NextPending(0);
  if (oldest && oldest->position < *failback_until_) {
    return;
  }
  failback_until_.reset();
  if (options_.is_failover) {
    log_.Info("failover: failback complete", {{"backlog", 0}});
  }
}

}  // namespace gapless::delivery
