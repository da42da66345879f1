// What the answers to old data mean: paid, cut, tried again, or given up for a named reason.
#include "queue/backfill.h"

#include <algorithm>
#include <bit>

namespace gapless::queue {
namespace {

// When a record is tried again that a level refused which has taken nothing yet.
constexpr Duration kUnprovedWait = std::chrono::seconds(1);
// Refusals of pieces of one record, beside those that a single bad item needs.
constexpr uint32_t kRefusals = 16;

}  // namespace

Unit* Backfill::FindUnit(uint64_t id) {
  const auto it = units_.find(id);
  return it == units_.end() ? nullptr : &it->second;
}

void Backfill::OnAttempt(LevelSender&, size_t, Unit& unit, const sending::AttemptResult& result) {
  const uint64_t id = unit.id;
  owner_.attempted(result);
  if (FindUnit(id) == nullptr) {
    return;
  }
  if (result.outcome == sending::OutcomeClass::kOk) {
    ++successes_;
    return;
  }
  unit.copies += (result.unknown ? 1 : 0) + (result.resent ? 1 : 0);
  failures_log_.Log(log_, telemetry::LogLevel::kInfo, loop_.Now(),
                    "backfill: an attempt failed and is made again",
                    {{"destination", name()},
                     {"class", ToString(result.outcome)},
                     {"cause", result.status.message()}});
  if (result.cut_to > 0 && unit.items > result.cut_to) {
    Release(unit);
    Cut(unit, CutToItems(unit.parts, result.cut_to));
    return;
  }
  if (result.outcome == sending::OutcomeClass::kThrottled ||
      result.outcome == sending::OutcomeClass::kRejected) {
    return;
  }
  UnitTrack& track = unit.tracks[0];
  if (track.failures++ == 0) {
    track.successes_before = successes_;
  }
  track.others_succeeded = successes_ > track.successes_before;
  const bool suspected = track.others_succeeded && track.failures >= options_.fall;
  if (suspected && result.outcome == sending::OutcomeClass::kFaulty && unit.parts.size() > 1) {
    Release(unit);
    CutInTwo(unit);
  }
}

void Backfill::OnPathDelivered(LevelSender&, size_t path, Unit& unit,
                               const sending::AttemptResult& result) {
  const Unit::Path& state = unit.paths[path];
  unit.copies += result.resent ? 1 : 0;
  if (state.sent_items > 0) {
    stats_.Sent(options_.level, path, state.sent_items - state.refused_items);
  }
}

void Backfill::OnDelivered(LevelSender&, Unit& unit, const LevelSender::Taken& taken,
                           const sending::AttemptResult&) {
  CountGivenUp(taken.refused, "partial_success");
  Paid(unit, taken.delivered, unit.copies);
}

void Backfill::OnFailed(LevelSender&, Unit& unit, sending::DeliveryEnd end,
                        const sending::AttemptResult& result) {
  Release(unit);
  if (end == sending::DeliveryEnd::kRejected) {
    OnRejected(unit, result);
  } else {
    OnGaveUp(unit);
  }
}

// An attempt that went on after its unit was taken back has ended.
void Backfill::OnLate(LevelSender& level, uint64_t unit_id, const sending::AttemptResult& result) {
  Unit* unit = FindUnit(unit_id);
  if (unit == nullptr) {
    return;
  }
  if (unit->tracks[0].late > 0) {
    --unit->tracks[0].late;
  }
  if (result.outcome == sending::OutcomeClass::kOk && level.paths() == 1 && !unit->level) {
    std::erase(waiting_, unit_id);
    stats_.Sent(options_.level, 0, unit->items);
    Paid(*unit, unit->items, unit->copies - (result.resent ? 0 : 1));
    return;
  }
  if (result.outcome != sending::OutcomeClass::kOk && !result.unknown && !result.resent) {
    --unit->copies;  // it did not deliver, that is known now
  }
  Wake();
}

void Backfill::OnRejected(Unit& unit, const sending::AttemptResult& result) {
  if (unit.parts.size() > 1 || (result.too_large && unit.items > 1)) {
    CutInTwo(unit);
    return;
  }
  if (!IsProved()) {
    unit.lanes = 0;  // others go first, to learn whose fault it is
    unit.tracks[0].rejected = true;
    any_refused_ = true;
    unit.not_before = loop_.Now() + kUnprovedWait;
    Wait(unit, /*front=*/false);
    return;
  }
  if (MayCut(unit)) {
    CutInTwo(unit);
    return;
  }
  failures_log_.Log(
      log_, telemetry::LogLevel::kWarn, loop_.Now(),
      "backfill: the level rejects what comes late, it is skipped",
      {{"destination", name()}, {"skipped_items", unit.items}, {"cause", result.status.message()}});
  GiveUp(unit, "rejected");
}

// The whole back-off series failed.
void Backfill::OnGaveUp(Unit& unit) {
  UnitTrack& track = unit.tracks[0];
  if (unit.parts.size() > 1 && track.others_succeeded) {
    CutInTwo(unit);
    return;
  }
  if (track.others_succeeded) {
    GiveUp(unit, "poison");
    return;
  }
  unit.not_before = loop_.Now() + options_.max_interval;
  track.failures = 0;
  Wait(unit, /*front=*/false);
}

void Backfill::Paid(Unit& unit, uint64_t items, uint64_t copies) {
  CountDuplicates(unit.items * copies);
  delivered_items_ += items;
  stats_.Backfilled(options_.level, items);
  if (run_) {
    run_->items += items;
  }
  CountDuplicates(debts_.Settle(unit.parts, /*delivered=*/true));
  Erase(unit.id);
  LogProgress();
}

void Backfill::GiveUp(Unit& unit, std::string_view reason) {
  CountGivenUp(unit.items, reason);
  CountDuplicates(unit.items * (unit.copies - std::min<uint32_t>(unit.copies, 1)));
  CountDuplicates(debts_.Settle(unit.parts, /*delivered=*/false));
  Erase(unit.id);
}

// One bad item takes no good ones with it; where nothing of the record is taken, that is not tried
// for long.
bool Backfill::MayCut(const Unit& unit) {
  const auto depth = static_cast<uint32_t>(std::bit_width(unit.items));
  return unit.items > 1 && ++refusals_[unit.parts.front().position] <= kRefusals + 2 * depth;
}

bool Backfill::IsProved() { return delivered_items_ > 0 || owner_.proved(); }

void Backfill::CutInTwo(Unit& unit) {
  auto [first, second] = unit.parts.size() == 1 ? CutInHalf(unit.parts) : HalveRecords(unit.parts);
  Cut(unit, {std::move(first), std::move(second)});
}

// The pieces take its place; they keep in mind who got through since it first failed.
void Backfill::Cut(Unit& unit, std::vector<UnitParts> pieces) {
  const UnitTrack before = unit.tracks[0];
  const uint32_t copies = unit.copies;
  Erase(unit.id);
  for (auto parts = pieces.rbegin(); parts != pieces.rend(); ++parts) {
    Unit& piece = NewUnit(std::move(*parts));
    piece.copies = copies;
    piece.tracks[0].failures = before.failures > 0 ? 1 : 0;
    piece.tracks[0].successes_before = before.successes_before;
    Wait(piece, /*front=*/true);
  }
}

void Backfill::Erase(uint64_t unit_id) {
  const auto it = units_.find(unit_id);
  under_way_ -= it->second.level ? 1 : 0;
  units_.erase(it);
  Wake();
}

void Backfill::CountGivenUp(uint64_t items, std::string_view reason) {
  if (items == 0) {
    return;
  }
  stats_.BackfillGivenUp(reason, items);
  if (run_) {
    run_->given_up += items;
  }
}

void Backfill::CountDuplicates(uint64_t items) {
  if (items > 0) {
    owner_.duplicates(items);
  }
}

void Backfill::LogProgress() {
  if (run_ && loop_.Now() - run_->began >= std::chrono::seconds(30)) {
    progress_log_.Log(log_, telemetry::LogLevel::kInfo, loop_.Now(), "backfill: goes on",
                      {{"destination", name()},
                       {"delivered_items", run_->items},
                       {"owed_items", journal_.stats().owed.items},
                       {"for", loop_.Now() - run_->began}});
  }
}

void Backfill::EndRun() {
  if (!run_) {
    return;
  }
  log_.Info("backfill: complete", {{"level", options_.level},
                                   {"destination", name()},
                                   {"delivered_items", run_->items},
                                   {"given_up_items", run_->given_up},
                                   {"took", loop_.Now() - run_->began}});
  run_.reset();
  refusals_.clear();
}

}  // namespace gapless::queue
