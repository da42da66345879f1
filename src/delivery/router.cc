#include "delivery/router.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace gapless::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint32_t kDialFailuresToFall = 3;
constexpr Duration kFallTimeMin = seconds(1);
constexpr Duration kSuspicionProbeGap = milliseconds(300);
constexpr Duration kRiseProbeGap = milliseconds(200);
constexpr Duration kAllDownPace = seconds(1);
constexpr Duration kThrottleMax = seconds(30);
constexpr Duration kThrottleCheckGap = seconds(1);
constexpr Duration kFlapWindow = seconds(60);
constexpr Duration kHoldMax = minutes(5);
constexpr Duration kHoldDecay = minutes(5);
constexpr int kSlowPace = 10;
// Where the peer fails even empty exports, every so many rounds one batch asks instead.
constexpr uint32_t kFaultyRoundsToTrial = 10;

// Whether a probe's or a trial's answer speaks for the level. A throttled answer is bad only for a
// level that throttling took down.
bool IsGood(OutcomeClass outcome, bool down_by_throttle) {
  switch (outcome) {
    case OutcomeClass::kOk:
    case OutcomeClass::kRejected:
      return true;
    case OutcomeClass::kThrottled:
      return !down_by_throttle;
    case OutcomeClass::kTransport:
    case OutcomeClass::kFaulty:
    case OutcomeClass::kDenied:
      return false;
  }
  return false;
}

}  // namespace

std::string_view ToString(LevelState state) {
  switch (state) {
    case LevelState::kHealthy:
      return "healthy";
    case LevelState::kDown:
      return "down";
    case LevelState::kProbing:
      return "probing";
    case LevelState::kTrial:
      return "trial";
  }
  return "unknown";
}

std::string_view ToString(Override word) {
  switch (word) {
    case Override::kAuto:
      return "auto";
    case Override::kDrained:
      return "drained";
    case Override::kForced:
      return "forced";
  }
  return "unknown";
}

Router::Router(RouterConfig config, TimePoint now) : config_(std::move(config)) {
  for (const RouterConfig::Level& level : config_.levels) {
    levels_.push_back({.name = level.name,
                       .since = now,
                       .hold = config_.hold,
                       .members = std::vector<Member>(level.members),
                       .returned_at = std::nullopt,
                       .last_error = {}});
  }
  Actions ignored;
  Elect("start", {}, ignored);
}

std::vector<RouterAction> Router::Step(const RouterEvent& event, TimePoint now) {
  Actions actions;
  switch (event.kind) {
    case RouterEvent::Kind::kAttempt:
      OnAttempt(event, now);
      break;
    case RouterEvent::Kind::kDialFailed:
      OnDialFailed(event, now, actions);
      break;
    case RouterEvent::Kind::kConnectionLost:
      // A peer that accepts and then hangs up: once per connection, as if one more batch had
      // failed.
      OnFailure(event, now);
      break;
    case RouterEvent::Kind::kConnected:
      levels_[event.level].members[event.member].dial_failures = 0;
      break;
    case RouterEvent::Kind::kProbe:
      OnProbe(event, now, actions);
      break;
    case RouterEvent::Kind::kTrial:
      OnTrial(event, now, actions);
      break;
    case RouterEvent::Kind::kNothingToTry:
      OnNothingToTry(event.level, now, actions);
      break;
    case RouterEvent::Kind::kOperator:
      OnOperator(event, now, actions);
      break;
    case RouterEvent::Kind::kOperatorProbe:
      OnOperatorProbe(event, now, actions);
      break;
    case RouterEvent::Kind::kHealth:
      OnHealth(event, now);
      break;
    case RouterEvent::Kind::kTick:
      break;
  }
  for (size_t i = 0; i < levels_.size(); ++i) {
    JudgeFailures(i, now, actions);
    JudgeThrottle(i, event.backlog_grows, now, actions);
    JudgeHealth(i, now, actions);
  }
  StartDueProbes(now, actions);
  return actions;
}

bool Router::Usable(size_t index) const {
  const Level& level = levels_[index];
  return level.word == Override::kForced ||
         (level.word == Override::kAuto && level.state == LevelState::kHealthy);
}

bool Router::AllDown() const { return !active_; }

void Router::OnSuccess(Member& member) {
  member.failures = 0;
  member.suspected = false;
  member.dial_failures = 0;
  member.failed_units.clear();
  member.throttled_since.reset();
  member.last_outcome = OutcomeClass::kOk;
}

void Router::OnFailure(const RouterEvent& event, TimePoint now) {
  Level& level = levels_[event.level];
  Member& member = level.members[event.member];
  level.last_error = event.error;
  if (event.unit != 0) {
    if (std::ranges::find(member.failed_units, event.unit) != member.failed_units.end()) {
      return;
    }
    if (member.failed_units.size() < config_.fall) {
      member.failed_units.push_back(event.unit);
    }
  }
  if (member.failures == 0) {
    member.first_failure = now;
  }
  ++member.failures;
  member.suspected = true;
  member.last_failure = now;
  member.last_outcome =
      event.kind == RouterEvent::Kind::kConnectionLost ? OutcomeClass::kTransport : event.outcome;
}

void Router::OnAttempt(const RouterEvent& event, TimePoint now) {
  Level& level = levels_[event.level];
  Member& member = level.members[event.member];
  switch (event.outcome) {
    case OutcomeClass::kOk:
      OnSuccess(member);
      return;
    case OutcomeClass::kRejected:
      return;  // the batch's trouble, but the peer lives
    case OutcomeClass::kThrottled:
      // Judged with the backlog at the end of the step.
      level.last_error = event.error;
      if (!member.throttled_since) {
        member.throttled_since = now;
        member.throttle_check = now + kThrottleMax + Duration(1);
      }
      member.throttled_until = std::max(member.throttled_until, now + event.delay);
      return;
    case OutcomeClass::kTransport:
      if (!event.answered) {
        return;  // the connection's own events count
      }
      [[fallthrough]];
    case OutcomeClass::kFaulty:
    case OutcomeClass::kDenied:
      OnFailure(event, now);
      return;
  }
}

void Router::OnDialFailed(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  level.last_error = event.error;
  Member& member = level.members[event.member];
  member.last_outcome = OutcomeClass::kTransport;
  if (++member.dial_failures >= kDialFailuresToFall && level.state == LevelState::kHealthy) {
    GoDown(event.level, "dial_failed", now, actions);
  }
}

void Router::JudgeFailures(size_t index, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kHealthy) {
    return;
  }
  for (const Member& member : level.members) {
    if (member.suspected && member.failures >= config_.fall &&
        now - member.first_failure >= kFallTimeMin) {
      GoDown(index, ToString(member.last_outcome), now, actions);
      return;
    }
  }
}

// A peer that asks for time may have it, unless that lasts while data piles up.
void Router::JudgeThrottle(size_t index, bool backlog_grows, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kHealthy) {
    return;
  }
  for (Member& member : level.members) {
    if (!member.throttled_since || now < member.throttle_check || now > member.throttled_until) {
      continue;
    }
    if (backlog_grows) {
      level.down_by_throttle = true;
      GoDown(index, "throttled", now, actions);
      return;
    }
    member.throttle_check = now + kThrottleCheckGap;
  }
}

void Router::OnHealth(const RouterEvent& event, TimePoint now) {
  Level& level = levels_[event.level];
  if (level.unwell == !event.well) {
    return;
  }
  level.unwell = !event.well;
  if (level.unwell) {
    level.last_error = event.error;
  } else if (level.state != LevelState::kHealthy) {
    level.hold_until = now;  // the page was the reason to wait
    level.probe_at = now;
  }
}

// Nothing is better than what is unwell if nothing else is usable.
void Router::JudgeHealth(size_t index, TimePoint now, Actions& actions) {
  const Level& level = levels_[index];
  if (!level.unwell || level.state != LevelState::kHealthy) {
    return;
  }
  for (size_t other = 0; other < levels_.size(); ++other) {
    if (other != index && Usable(other)) {
      GoDown(index, "health_check", now, actions);
      return;
    }
  }
}

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
    Enter(event.level, LevelState::kTrial, "probe", now, actions);
    StartTrial(event.level, "probe", actions);
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
  ++level.failed_rounds;
  level.faulty_rounds = event.outcome == OutcomeClass::kFaulty ? level.faulty_rounds + 1 : 0;
  const bool may_try = AllDown() || now >= level.hold_until;
  if (level.faulty_rounds < kFaultyRoundsToTrial || !may_try) {
    BackToDown(event.level, "probe", now, actions);
    return;
  }
  level.unproved_trial = true;
  Enter(event.level, LevelState::kTrial, "faulty", now, actions);
  StartTrial(event.level, "faulty", actions);
}

void Router::StartTrial(size_t index, std::string_view reason, Actions& actions) {
  actions.push_back({.kind = RouterAction::Kind::kTrial,
                     .level = index,
                     .from = std::nullopt,
                     .reason = reason,
                     .error = {}});
}

void Router::OnNothingToTry(size_t index, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kTrial) {
    return;
  }
  if (!level.unproved_trial) {
    GoHealthy(index, "probe", now, actions);
    return;
  }
  level.faulty_rounds = kFaultyRoundsToTrial - 1;  // the next round asks again
  BackToDown(index, "faulty", now, actions);
}

// A healthy level with a failure and no traffic to confirm it: probes make up the number.
void Router::OnSuspicionProbe(Level& level, const RouterEvent& event, TimePoint now) {
  for (Member& member : level.members) {
    if (!member.suspected) {
      continue;
    }
    if (IsGood(event.outcome, false)) {
      // It fails single batches, so far. Their units stay known: repeats do not count again, but a
      // peer that fails every batch and answers every probe adds up to a failure all the same.
      member.failures = static_cast<uint32_t>(member.failed_units.size());
      member.suspected = false;
      continue;
    }
    ++member.failures;
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
  if (event.outcome == OutcomeClass::kRejected) {
    StartTrial(event.level, level.unproved_trial ? "faulty" : "trial", actions);
    return;
  }
  if (IsGood(event.outcome, level.down_by_throttle)) {
    GoHealthy(event.level, "trial", now, actions);
    return;
  }
  level.last_error = event.error;
  level.faulty_rounds = 0;
  ++level.failed_rounds;
  BackToDown(event.level, "trial", now, actions);
}

void Router::OnOperator(const RouterEvent& event, TimePoint now, Actions& actions) {
  Level& level = levels_[event.level];
  if (level.word == event.word) {
    return;
  }
  const bool was_usable = Usable(event.level);
  level.word = event.word;
  if (event.word == Override::kDrained && level.state == LevelState::kTrial) {
    BackToDown(event.level, "operator", now, actions);
  }
  if (was_usable && !Usable(event.level)) {
    actions.push_back({.kind = RouterAction::Kind::kHandOver,
                       .level = event.level,
                       .from = std::nullopt,
                       .reason = "operator",
                       .error = {}});
  }
  if (event.word == Override::kAuto && level.state != LevelState::kHealthy) {
    level.hold_until = now;
    level.probe_at = now;
  }
  Elect("operator", {}, actions);
}

void Router::Enter(size_t index, LevelState next, std::string_view reason, TimePoint now,
                   Actions& actions) {
  Level& level = levels_[index];
  actions.push_back({.kind = RouterAction::Kind::kTransition,
                     .level = index,
                     .from = std::nullopt,
                     .before = level.state,
                     .after = next,
                     .reason = reason,
                     .error = level.last_error,
                     .lasted = now - level.since,
                     .hold = level.hold});
  // An outage lasts from the fall to the return; what is tried between is part of it.
  if ((level.state == LevelState::kHealthy) != (next == LevelState::kHealthy)) {
    level.since = now;
  }
  level.state = next;
  level.good_probes = 0;
}

void Router::GoDown(size_t index, std::string_view reason, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.returned_at) {
    const Duration up = now - *level.returned_at;
    if (up < kFlapWindow) {
      level.hold = std::min(level.hold * 2, kHoldMax);
    } else {
      for (Duration left = up; left >= kHoldDecay && level.hold > config_.hold;
           left -= kHoldDecay) {
        level.hold = std::max(level.hold / 2, config_.hold);
      }
    }
  }
  level.failed_rounds = 0;
  level.faulty_rounds = 0;
  for (Member& member : level.members) {
    OnSuccess(member);  // a new count begins with the next life
  }
  Enter(index, LevelState::kDown, reason, now, actions);
  level.hold_until = now + level.hold;
  level.probe_at = std::max(now + config_.retry_interval, level.hold_until);
  if (level.word != Override::kForced) {
    actions.push_back({.kind = RouterAction::Kind::kHandOver,
                       .level = index,
                       .from = std::nullopt,
                       .reason = reason,
                       .error = level.last_error});
  }
  Elect(reason, level.last_error, actions);
}

TimePoint Router::NextRound(const Level& level, TimePoint now) const {
  const bool slow = config_.max_retries > 0 && level.failed_rounds >= config_.max_retries;
  return std::max(now + config_.retry_interval * (slow ? kSlowPace : 1), level.hold_until);
}

void Router::BackToDown(size_t index, std::string_view reason, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  level.probe_at = NextRound(level, now);
  level.unproved_trial = false;
  level.good_probes = 0;
  if (level.state != LevelState::kTrial) {
    level.state = LevelState::kDown;  // a failed round is no transition that anybody must read
    return;
  }
  Enter(index, LevelState::kDown, reason, now, actions);
  if (level.word != Override::kForced) {
    actions.push_back({.kind = RouterAction::Kind::kHandOver,
                       .level = index,
                       .from = std::nullopt,
                       .reason = reason,
                       .error = level.last_error});
  }
}

void Router::GoHealthy(size_t index, std::string_view reason, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  for (Member& member : level.members) {
    OnSuccess(member);
  }
  level.down_by_throttle = false;
  level.unproved_trial = false;
  level.failed_rounds = 0;
  level.faulty_rounds = 0;
  level.returned_at = now;
  Enter(index, LevelState::kHealthy, reason, now, actions);
  Elect(reason, {}, actions);
}

void Router::Elect(std::string_view reason, const std::string& error, Actions& actions) {
  std::optional<size_t> best;
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (levels_[i].word == Override::kForced) {
      best = i;
      break;
    }
    if (!best && Usable(i)) {
      best = i;
    }
  }
  if (best == active_) {
    return;
  }
  actions.push_back({.kind = RouterAction::Kind::kActivate,
                     .level = best,
                     .from = active_,
                     .reason = reason,
                     .error = error});
  active_ = best;
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
    actions.push_back({.kind = RouterAction::Kind::kProbe,
                       .level = index,
                       .from = std::nullopt,
                       .reason = "probe",
                       .error = {}});
  };
  for (size_t i = 0; i < levels_.size(); ++i) {
    Level& level = levels_[i];
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
    if (level.probe_running || level.state == LevelState::kTrial || level.word != Override::kAuto ||
        !MayServe(level)) {
      continue;
    }
    consider(ProbeDue(level));
  }
  return next;
}

std::vector<RouterAction> Router::Reconfigure(RouterConfig config, TimePoint now) {
  std::vector<Level> old = std::move(levels_);
  const std::optional<std::string> active_name =
      active_ ? std::optional(old[*active_].name) : std::nullopt;
  config_ = std::move(config);
  levels_.clear();
  active_.reset();
  for (size_t i = 0; i < config_.levels.size(); ++i) {
    const RouterConfig::Level& wanted = config_.levels[i];
    const auto it = std::ranges::find(old, wanted.name, &Level::name);
    if (it == old.end()) {
      levels_.push_back({.name = wanted.name,
                         .since = now,
                         .hold = config_.hold,
                         .members = std::vector<Member>(wanted.members),
                         .returned_at = std::nullopt,
                         .last_error = {}});
    } else {
      Level level = std::move(*it);
      level.name = wanted.name;
      level.members.assign(wanted.members, Member());
      level.hold = std::max(level.hold, config_.hold);
      level.probe_running = false;
      level.unproved_trial = false;
      level.good_probes = 0;
      if (level.state != LevelState::kHealthy) {
        level.state = LevelState::kDown;
        level.hold_until = now;
        level.probe_at = now;
      }
      levels_.push_back(std::move(level));
    }
    if (active_name && wanted.name == *active_name) {
      active_ = i;
    }
  }
  Actions actions;
  Elect("reload", {}, actions);
  StartDueProbes(now, actions);
  return actions;
}

std::string Router::Save() const {
  std::string text;
  for (const Level& level : levels_) {
    text += fmt::format("{}\t{}\t{}\t{}\n", level.state == LevelState::kHealthy ? "up" : "down",
                        ToString(level.word), level.hold.count(), level.name);
  }
  return text;
}

std::vector<RouterAction> Router::Restore(std::string_view saved, TimePoint now) {
  while (!saved.empty()) {
    std::string_view line = saved.substr(0, saved.find('\n'));
    saved.remove_prefix(std::min(saved.size(), line.size() + 1));
    std::string_view fields[4];
    for (size_t i = 0; i < 4; ++i) {
      const size_t end = i < 3 ? line.find('\t') : line.size();
      if (end == std::string_view::npos) {
        break;
      }
      fields[i] = line.substr(0, end);
      line.remove_prefix(std::min(line.size(), end + 1));
    }
    const auto it = std::ranges::find(levels_, fields[3], &Level::name);
    if (it == levels_.end()) {
      continue;
    }
    int64_t hold = 0;
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), hold);
    it->hold = std::clamp(Duration(hold), config_.hold, std::max(kHoldMax, config_.hold));
    it->word = fields[1] == "drained"  ? Override::kDrained
               : fields[1] == "forced" ? Override::kForced
                                       : Override::kAuto;
    if (fields[0] == "down") {
      it->state = LevelState::kDown;
      it->since = now;
      it->probe_at = now;
    }
  }
  Actions actions;
  Elect("restart", {}, actions);
  StartDueProbes(now, actions);
  return actions;
}

}  // namespace gapless::delivery
