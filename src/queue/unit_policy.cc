#include "queue/unit_policy.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

using Step = UnitDecision::Step;

UnitDecision Drop(journal::DropReason reason) { return {.step = Step::kDrop, .reason = reason}; }

}  // namespace

uint64_t UnitPolicy::View() const {
  uint64_t view = 1;
  for (size_t i = 0; i < router_.levels(); ++i) {
    const bool drained = router_.operator_override(i) == routing::Override::kDrained;
    view = view * 4 + (router_.Usable(i) ? 2 : 0) + (drained ? 1 : 0);
  }
  return view;
}

UnitDecision UnitPolicy::Place(const Unit& unit) const {
  const auto level = Choose(unit);
  if (!level && !MayWait(unit)) {
    return Drop(journal::DropReason::kRejected);
  }
  if (rules_.withdraw && !router_.active()) {
    return Drop(journal::DropReason::kExpired);
  }
  if (level) {
    return {.step = Step::kSend, .level = level};
  }
  return {.step = IsInvalid(unit) ? Step::kPark : Step::kWait};
}

UnitDecision UnitPolicy::OnRejected(const Unit& unit, const sending::AttemptResult& result,
                                    bool may_cut) const {
  if (result.too_large && unit.items > 1) {
    return {.step = Step::kCutInHalf};
  }
  if (unit.parts.size() > 1) {
    return {.step = Step::kHalveRecords};
  }
  if (may_cut) {
    return {.step = Step::kCutInHalf};
  }
  // Where another level can be asked, nothing overtakes it.
  return {.step = IsInvalid(unit) || Choose(unit) ? Step::kWait : Step::kSetAside};
}

// One bad item among good ones, on a level that takes others: half by half only the bad one is
// left. A level that has refused everything may take a part: probes with live data find out, and
// where nothing else could prove it, so does the unit.
bool UnitPolicy::MayCutRecord(const Unit& unit, bool alone) const {
  const size_t level = *unit.level;
  const bool asked =
      router_.proved(level) || alone ||
      (router_.down_by_refusal(level) && router_.state(level) == routing::LevelState::kLiveProbing);
  return unit.parts.size() == 1 && unit.items > 1 && !rules_.client_waits && asked;
}

void UnitPolicy::NoteRefusal(Unit& unit, const sending::AttemptResult& result) const {
  UnitTrack& track = unit.tracks[*unit.level];
  track.rejected = true;
  track.proved = router_.proved(*unit.level) || result.status.origin() == Origin::kLocal;
  track.certain = track.proved || rules_.client_waits;
}

UnitDecision UnitPolicy::OnGaveUp(const Unit& unit) const {
  const bool other = ChooseNotTried(unit).has_value();
  if (rules_.on_expiry == sending::OnExpiry::kDrop || rules_.client_waits || rules_.withdraw) {
    return other ? UnitDecision{.step = Step::kWait} : Drop(journal::DropReason::kExpired);
  }
  const bool poison = std::ranges::all_of(unit.tracks, [](const UnitTrack& track) {
    return track.rejected || (track.gave_up && track.others_succeeded);
  });
  if (poison && unit.parts.size() == 1) {
    return Drop(journal::DropReason::kPoison);
  }
  return {.step = other ? Step::kWait : Step::kRest};
}

// Cut, so that only one record is suspected, and sent over a connection of its own. What the peer
// itself fails is tried on other levels; if there is none it goes on here until its series is over.
UnitDecision UnitPolicy::OnSuspected(Unit& unit, const sending::AttemptResult& result) const {
  if (std::ranges::any_of(unit.paths, &Unit::Path::done)) {
    return {.step = Step::kGoOn};  // its pieces would go again where the whole is
  }
  if (unit.parts.size() > 1) {
    return {.step = Step::kCutToRecords};
  }
  UnitTrack& track = unit.tracks[*unit.level];
  const bool before = std::exchange(track.suspected, true);
  if (result.outcome == sending::OutcomeClass::kFaulty) {
    track.failing = true;
    const auto other = Choose(unit);
    if (other && Reluctance(unit, *other) == 0) {
      return {.step = Step::kWait};
    }
  }
  return {.step = before ? Step::kGoOn : Step::kIsolate};
}

UnitDecision UnitPolicy::OnFaulty(const Unit& unit) const {
  if (std::ranges::any_of(unit.paths, &Unit::Path::done)) {
    return {.step = Step::kGoOn};  // its pieces would go again where the whole is
  }
  if (unit.parts.size() > 1) {
    return {.step = Step::kHalveRecords};
  }
  // A client that waits hears one answer to its request, not to a part.
  return {.step = unit.items > 1 && !rules_.client_waits ? Step::kCutInHalf : Step::kGoOn};
}

bool NoteFailure(UnitTrack& track, uint64_t level_successes, sending::OutcomeClass outcome,
                 uint32_t fall) {
  if (outcome == sending::OutcomeClass::kOk || outcome == sending::OutcomeClass::kThrottled) {
    return false;
  }
  if (track.failures++ == 0) {
    track.successes_before = level_successes;
  }
  track.others_succeeded = level_successes > track.successes_before;
  return outcome != sending::OutcomeClass::kRejected && track.others_succeeded &&
         track.failures >= fall;
}

std::optional<int> UnitPolicy::Reluctance(const Unit& unit, size_t level) const {
  const UnitTrack& track = unit.tracks[level];
  if (!router_.Usable(level) || track.rejected) {
    return std::nullopt;
  }
  return track.gave_up ? 2 : track.failing ? 1 : 0;
}

std::optional<size_t> UnitPolicy::Choose(const Unit& unit) const {
  std::optional<size_t> best = router_.active();
  if (best && !Reluctance(unit, *best)) {
    best.reset();
  }
  for (size_t i = 0; i < unit.tracks.size(); ++i) {
    const auto here = Reluctance(unit, i);
    if (here && (!best || *here < *Reluctance(unit, *best))) {
      best = i;
    }
  }
  return best && unit.tracks[*best].late > 0 ? std::nullopt : best;
}

std::optional<size_t> UnitPolicy::ChooseNotTried(const Unit& unit) const {
  const auto level = Choose(unit);
  return level && !unit.tracks[*level].gave_up ? level : std::nullopt;
}

bool UnitPolicy::MayWait(const Unit& unit) const {
  for (size_t i = 0; i < unit.tracks.size(); ++i) {
    if (!unit.tracks[i].rejected && router_.operator_override(i) != routing::Override::kDrained) {
      return true;
    }
  }
  return !IsInvalid(unit);
}

bool UnitPolicy::MayBeAsked(const Unit& unit, size_t level) const {
  return router_.Usable(level) && !unit.tracks[level].rejected && !unit.tracks[level].gave_up;
}

std::optional<size_t> UnitPolicy::ChooseAfter(const Unit& unit, size_t level) const {
  for (size_t i = 0; i < unit.tracks.size(); ++i) {
    if (i != level && MayBeAsked(unit, i)) {
      return i;
    }
  }
  return std::nullopt;
}

int64_t UnitPolicy::Askable(const Unit& unit) const {
  int64_t levels = 0;
  for (size_t i = 0; i < unit.tracks.size(); ++i) {
    levels += MayBeAsked(unit, i) ? 1 : 0;
  }
  return levels;
}

}  // namespace gapless::queue
