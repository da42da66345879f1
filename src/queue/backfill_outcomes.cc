#include "queue/backfill_outcomes.h"

#include "queue/unit_policy.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

// When a record is tried again that a level refused which has taken nothing yet.
constexpr Duration kUnprovedWait = std::chrono::seconds(1);
// Refusals of one by such a level after which it is cut all the same, while there are few units.
constexpr uint32_t kUnprovedRefusals = 5;
constexpr size_t kUnprovedUnits = 64;

}  // namespace

bool BackfillOutcomes::IsProved() {
  return parts_.progress.delivered_items() > 0 || parts_.owner.proved();
}

void BackfillOutcomes::CountDuplicates(uint64_t items) {
  if (items > 0) {
    parts_.owner.duplicates(items);
  }
}

void BackfillOutcomes::CountUnheard(const Unit& unit) { CountDuplicates(UnheardCopies(unit)); }

void BackfillOutcomes::OnAttempt(LevelSender& level, size_t, Unit& unit,
                                 const sending::AttemptResult& result) {
  const uint64_t id = unit.id;
  parts_.owner.attempted(result);
  if (FindUnit(id) == nullptr) {
    return;
  }
  if (result.outcome == sending::OutcomeClass::kOk) {
    ++successes_;
    return;
  }
  unit.copies += (result.unknown ? 1 : 0) + (result.resent ? 1 : 0);
  parts_.progress.Failed(ToString(result.outcome), result.status);
  const bool suspected =
      NoteFailure(unit.tracks[0], successes_, result.outcome, parts_.options.fall);
  if (result.cut_to > 0 && unit.items > result.cut_to) {
    level.Release(unit);
    Cut(unit, CutToItems(unit.parts, result.cut_to));
  } else if (suspected && result.outcome == sending::OutcomeClass::kFaulty &&
             unit.parts.size() > 1) {
    level.Release(unit);
    CutInTwo(unit);
  }
}

void BackfillOutcomes::OnPathDelivered(LevelSender&, size_t path, Unit& unit,
                                       const sending::AttemptResult& result) {
  const Unit::Path& state = unit.paths[path];
  unit.copies += result.resent ? 1 : 0;
  if (state.sent_items > 0) {
    parts_.progress.Sent(path, state.sent_items - state.refused_items);
  }
}

void BackfillOutcomes::OnDelivered(LevelSender&, Unit& unit, const LevelSender::Taken& taken,
                                   const sending::AttemptResult&) {
  parts_.progress.GivenUp(taken.refused, "partial_success");
  Deliver(unit, taken.delivered, unit.copies);
}

void BackfillOutcomes::OnFailed(LevelSender&, Unit& unit, sending::DeliveryEnd end,
                                const sending::AttemptResult& result) {
  unit.level.reset();
  if (end == sending::DeliveryEnd::kRejected) {
    OnRejected(unit, result);
  } else {
    OnGaveUp(unit);
  }
  parts_.wake();
}

// An attempt that went on after its unit was taken back has ended.
void BackfillOutcomes::OnLate(LevelSender& level, const LevelSender::SentUnit& sent,
                              const sending::AttemptResult& result) {
  Unit* unit = FindUnit(sent.id);
  if (unit == nullptr) {
    CountDuplicates(result.resent ? sent.items : 0);
    return;
  }
  if (unit->tracks[0].late > 0) {
    --unit->tracks[0].late;
  }
  if (result.outcome == sending::OutcomeClass::kOk && level.paths() == 1 && !unit->level) {
    parts_.progress.Sent(0, unit->items);
    Deliver(*unit, unit->items, unit->copies - (result.resent ? 0 : 1));
    return;
  }
  if (result.outcome != sending::OutcomeClass::kOk && !result.unknown && !result.resent) {
    --unit->copies;  // it did not deliver, that is known now
  }
  parts_.wake();
}

void BackfillOutcomes::OnRejected(Unit& unit, const sending::AttemptResult& result) {
  if (unit.parts.size() > 1 || (result.too_large && unit.items > 1)) {
    CutInTwo(unit);
    return;
  }
  const bool proved = IsProved();
  if (unit.items > 1 && (proved || MayCutUnproved(unit)) &&
      parts_.debts.MayCutAgain(unit.parts.front().position)) {
    CutInTwo(unit);
    return;
  }
  if (!proved) {
    // Others go first, to learn whose fault it is.
    parts_.units.SetAside(unit);
    parts_.units.Rest(unit, parts_.loop.Now() + kUnprovedWait);
    return;
  }
  parts_.progress.Skipped(unit.items, result.status);
  GiveUp(unit, "rejected");
}

// Where nothing else is owed that could prove the level, a part of the unit may.
bool BackfillOutcomes::MayCutUnproved(Unit& unit) {
  return ++unit.faults.count >= kUnprovedRefusals && parts_.units.size() < kUnprovedUnits;
}

// The whole back-off series failed.
void BackfillOutcomes::OnGaveUp(Unit& unit) {
  UnitTrack& track = unit.tracks[0];
  if (unit.parts.size() > 1 && track.others_succeeded) {
    CutInTwo(unit);
  } else if (track.others_succeeded) {
    GiveUp(unit, "poison");
  } else {
    track.failures = 0;
    parts_.units.Rest(unit, parts_.loop.Now() + parts_.options.max_interval);
  }
}

void BackfillOutcomes::Deliver(Unit& unit, uint64_t items, uint64_t copies) {
  CountDuplicates(unit.items * copies);
  parts_.progress.Delivered(items);
  End(unit, /*delivered=*/true);
}

void BackfillOutcomes::GiveUp(Unit& unit, std::string_view reason) {
  parts_.progress.GivenUp(unit.items, reason);
  CountUnheard(unit);
  End(unit, /*delivered=*/false);
}

void BackfillOutcomes::End(Unit& unit, bool delivered) {
  CountDuplicates(parts_.debts.Settle(unit.parts, delivered));
  parts_.units.Remove(unit.id);
  parts_.wake();
}

void BackfillOutcomes::CutInTwo(Unit& unit) {
  auto [first, second] = unit.parts.size() == 1 ? CutInHalf(unit.parts) : HalveRecords(unit.parts);
  Cut(unit, {std::move(first), std::move(second)});
}

// The pieces keep in mind who got through since the unit first failed: near the end there is
// nothing left to compare them with.
void BackfillOutcomes::Cut(Unit& unit, std::vector<UnitParts> pieces) {
  const UnitTrack before = unit.tracks[0];
  for (Unit* piece : parts_.units.Cut(unit.id, std::move(pieces))) {
    piece->tracks[0].failures = before.failures > 0 ? 1 : 0;
    piece->tracks[0].successes_before = before.successes_before;
  }
  parts_.wake();
}

}  // namespace gapless::queue
