// Router: how a level that is down, or under suspicion, is asked, and what the answers mean.
#include "routing/router.h"

#include <algorithm>

namespace gapless::routing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kSuspicionProbeGap = milliseconds(300);
constexpr Duration kRiseProbeGap = milliseconds(200);
constexpr Duration kAllDownPace = seconds(1);
constexpr int kSlowPace = 10;
// Where the peer fails even empty exports, every so many rounds one batch asks instead.
constexpr uint32_t kFaultyRoundsToTrial = 10;

// Whether a probe's or a trial's answer speaks for the level. A throttled answer is bad only for a
// level that throttling took down.
bool IsGood(sending::OutcomeClass outcome, bool down_by_throttle) {
  switch (outcome) {
    case sending::OutcomeClass::kOk:
    case sending::OutcomeClass::kRejected:
      return true;
    case sending::OutcomeClass::kThrottled:
      return !down_by_throttle;
    case sending::OutcomeClass::kTransport:
    case sending::OutcomeClass::kFaulty:
    case sending::OutcomeClass::kDenied:
      return false;
  }
  return false;
}

}  // namespace

void Router::OnProbe(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  level.probe_running = false;
  const bool good = IsGood(event.outcome, level.down_by_throttle);
  if (level.state == LevelState::kHealthy) {
    OnSuspicionProbe(level, event, now);
    return;
  }
  if (level.state == LevelState::kTrial) {
    return;
  }
  if (level.word != Override::kAuto) {
    level.state = LevelState::kDown;  // the operator's word came while the probe was under way
    level.good_probes = 0;
    return;
  }
  if (!good) {
    OnBadProbe(event, now, actions);
    return;
  }
  level.faulty_rounds = 0;
  const bool only_data_tells = (level.down_by_refusal || level.probes_lie) && !level.waited;
  if (only_data_tells && level.down_by_refusal && (AllDown() || now >= level.hold_until)) {
    // It answers probes well and refuses data: only data tells.
    StartTrial(event.level, TrialKind::kOldest, now, actions);
    return;
  }
  if (AllDown()) {
    GoHealthy(event.level, "probe", now, actions);
    return;
  }
  if (now < level.hold_until) {
    level.state = LevelState::kDown;  // probed only because nothing else was usable
    level.good_probes = 0;
    level.probe_at = level.hold_until;
    return;
  }
  if (++level.good_probes >= config_.rise) {
    StartTrial(event.level, only_data_tells ? TrialKind::kAny : TrialKind::kUsual, now, actions);
    return;
  }
  level.probe_at = now + kRiseProbeGap;
}

// It tells as much as one of our own, which may be under way beside it. Asking is also the word
// that the level need not wait any longer.
void Router::OnOperatorProbe(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  if (level.word != Override::kAuto || level.state == LevelState::kTrial) {
    return;
  }
  const bool running = level.probe_running;
  if (level.state != LevelState::kHealthy) {
    level.state = LevelState::kProbing;  // not a transition: the outage goes on
    level.hold_until = std::min(level.hold_until, now);
  }
  OnProbe(event, now, actions);
  level.probe_running = running;
}

void Router::OnBadProbe(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  level.last_error = event.error;
  level.probes_lie = false;
  ++level.failed_rounds;
  level.faulty_rounds =
      event.outcome == sending::OutcomeClass::kFaulty ? level.faulty_rounds + 1 : 0;
  const bool may_try = AllDown() || now >= level.hold_until;
  if (level.faulty_rounds < kFaultyRoundsToTrial || !may_try) {
    BackToDown(event.level, "probe", now, actions);
    return;
  }
  StartTrial(event.level, TrialKind::kAny, now, actions);
}

void Router::StartTrial(size_t index, TrialKind kind, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kTrial) {
    Enter(index, LevelState::kTrial, kind == TrialKind::kAny ? "faulty" : "probe", now, actions);
  }
  level.trial = kind;
  level.waited = false;
  level.trial_until.reset();
  actions.push_back({.kind = RouterAction::Kind::kTrial, .level = index, .trial = kind});
}

void Router::OnNothingToTry(size_t index, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kTrial) {
    return;
  }
  if (level.trial == TrialKind::kUsual) {
    GoHealthy(index, "probe", now, actions);
  } else if (level.trial == TrialKind::kOldest) {
    StartTrial(index, TrialKind::kAny, now, actions);
  } else if (level.trial == TrialKind::kOther) {
    BackToDown(index, "denied", now, actions);
  } else {
    level.trial_until = now + (AllDown() ? kAllDownPace : config_.retry_interval);
  }
}

void Router::EndWait(Level& level, TimePoint now) {
  if (level.state != LevelState::kTrial || !level.trial_until || now < *level.trial_until) {
    return;
  }
  level.trial_until.reset();
  level.waited = true;
  level.state = LevelState::kDown;
  level.probe_at = now;
  level.faulty_rounds = kFaultyRoundsToTrial - 1;  // if need be it waits again
}

// A healthy level with a failure and no traffic to confirm it: probes make up the number.
void Router::OnSuspicionProbe(Level& level, const RouterEvent& event, TimePoint now) {
  for (Member& member : level.members) {
    if (!member.suspected) {
      continue;
    }
    if (IsGood(event.outcome, false) || !Counts(event)) {
      // It fails single batches, so far. Their units stay known: repeats do not count again, but a
      // peer that fails every batch and answers every probe adds up to a failure all the same.
      const auto units = static_cast<uint32_t>(member.failed_units.size());
      member.failures = std::max(units, member.outages);
      member.suspected = false;
      continue;
    }
    ++member.failures;
    member.probe_failed = true;
    member.last_failure = now;
    member.last_outcome = event.outcome;
    level.last_error = event.error;
  }
}

void Router::OnTrial(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  if (level.state != LevelState::kTrial) {
    return;
  }
  if (event.outcome == sending::OutcomeClass::kRejected) {
    OnRefusedTrial(event, now, actions);
    return;
  }
  if (IsGood(event.outcome, level.down_by_throttle)) {
    for (Member& member : level.members) {
      member.proved = member.proved || event.outcome == sending::OutcomeClass::kOk;
    }
    GoHealthy(event.level, "trial", now, actions);
    return;
  }
  level.last_error = event.error;
  level.faulty_rounds = 0;
  ++level.failed_rounds;
  BackToDown(event.level, "trial", now, actions);
}

// Its trouble, not the level's: another unit shall tell. On a level that has refused everything so
// far two of a round are enough.
void Router::OnRefusedTrial(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  if (!level.down_by_refusal) {
    StartTrial(event.level, level.trial, now, actions);
    return;
  }
  if (!event.error.empty()) {
    level.last_error = event.error;
  }
  if (level.trial == TrialKind::kOldest) {
    StartTrial(event.level, TrialKind::kOther, now, actions);
    return;
  }
  ++level.failed_rounds;
  BackToDown(event.level, "denied", now, actions);
}

TimePoint Router::NextRound(const Level& level, TimePoint now) const {
  const bool slow = config_.max_retries > 0 && level.failed_rounds >= config_.max_retries;
  return std::max(now + config_.retry_interval * (slow ? kSlowPace : 1), level.hold_until);
}

// With all levels down one pace replaces every other setting.
TimePoint Router::ProbeDue(const Level& level) const {
  if (AllDown()) {
    return std::min(level.probe_at, std::max(level.last_probe, level.since) + kAllDownPace);
  }
  return level.state == LevelState::kDown
             ? std::max(level.probe_at, last_round_ + config_.retry_gap)
             : level.probe_at;
}

void Router::StartDueProbes(TimePoint now, Actions& actions) {
  const auto probe = [&](size_t index) {
    levels_[index].probe_running = true;
    actions.push_back({.kind = RouterAction::Kind::kProbe, .level = index, .reason = "probe"});
  };
  for (size_t i = 0; i < levels_.size(); ++i) {
    Level& level = levels_[i];
    EndWait(level, now);
    if (level.probe_running || level.state == LevelState::kTrial || level.word != Override::kAuto) {
      continue;
    }
    if (level.state != LevelState::kHealthy && !MayServe(level)) {
      continue;
    }
    if (level.state == LevelState::kHealthy) {
      const bool wanted = std::ranges::any_of(level.members, [&](const Member& member) {
        return member.suspected && now - member.last_failure >= kSuspicionProbeGap;
      });
      if (wanted) {
        probe(i);
      }
      continue;
    }
    if (now < ProbeDue(level)) {
      continue;
    }
    if (level.state == LevelState::kDown) {
      last_round_ = now;
      level.state = LevelState::kProbing;  // not a transition: the outage goes on
    }
    level.last_probe = now;
    probe(i);
  }
}

// When a healthy level must be looked at again.
std::optional<TimePoint> Router::NextCheck(const Level& level) const {
  std::optional<TimePoint> next;
  const auto consider = [&next](TimePoint when) { next = next ? std::min(*next, when) : when; };
  for (const Member& member : level.members) {
    if (member.suspected && member.failures >= config_.fall) {
      consider(member.first_failure + kFallTimeMin);
    }
    if (member.suspected && !level.probe_running && level.word == Override::kAuto) {
      consider(member.last_failure + kSuspicionProbeGap);
    }
    if (member.throttled_since && member.throttle_check <= member.throttled_until) {
      consider(member.throttle_check);
    }
  }
  if (level.doubted_since) {
    consider(*level.doubted_since + kDoubtMax);
  }
  return next;
}

std::optional<TimePoint> Router::NextTick() const {
  std::optional<TimePoint> next;
  const auto consider = [&next](TimePoint when) { next = next ? std::min(*next, when) : when; };
  for (const Level& level : levels_) {
    if (level.state == LevelState::kHealthy) {
      if (const auto check = NextCheck(level)) {
        consider(*check);
      }
      continue;
    }
    if (level.state == LevelState::kTrial && level.trial_until) {
      consider(*level.trial_until);
    }
    if (level.probe_running || level.state == LevelState::kTrial || level.word != Override::kAuto ||
        !MayServe(level)) {
      continue;
    }
    consider(ProbeDue(level));
  }
  return next;
}

}  // namespace gapless::routing
