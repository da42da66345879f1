// What failures, health pages and operators mean for a level, and how a level falls and returns.
// How a level that is down is asked: router_probes.cc; what outlives a configuration or a process:
// router_memory.cc.
#include "routing/router.h"

#include <algorithm>

namespace gapless::routing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint32_t kDialFailuresToFall = 3;
constexpr Duration kThrottleCheckGap = seconds(1);
constexpr Duration kFlapWindow = seconds(60);
constexpr Duration kHoldDecay = minutes(5);

}  // namespace

Router::Router(RouterConfig config, TimePoint now) : config_(std::move(config)) {
  for (const RouterConfig::Level& level : config_.levels) {
    levels_.push_back(NewLevel(level, now));
  }
  Actions ignored;
  Elect("start", {}, ignored);
}

Router::Level Router::NewLevel(const RouterConfig::Level& wanted, TimePoint now) const {
  return {.name = wanted.name,
          .since = now,
          .hold = config_.hold,
          .members = std::vector<Member>(wanted.members)};
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
      if (Counts(event)) {
        OnFailure(event, now);
      }
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
    case RouterEvent::Kind::kTrialBegan:
      levels_[event.level].trial_until.reset();
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
    JudgeRefusals(i, now, actions);
    JudgeThrottle(i, event.work_waits, now, actions);
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
  member.outages = 0;
  member.probe_failed = false;
  member.suspected = false;
  member.dial_failures = 0;
  member.failed_units.clear();
  member.throttled_since.reset();
  member.last_outcome = sending::OutcomeClass::kOk;
}

void Router::OnFailure(const RouterEvent& event, TimePoint now) {
  Level& level = levels_[event.level];
  Member& member = level.members[event.member];
  level.last_error = event.error;
  // Nobody else can tell, or it is none that a unit could be the reason of.
  const bool outage = event.holds_up || (event.kind == RouterEvent::Kind::kAttempt &&
                                         event.outcome == sending::OutcomeClass::kTransport);
  member.outages += outage ? 1 : 0;
  if (event.unit != 0) {
    const bool known =
        std::ranges::find(member.failed_units, event.unit) != member.failed_units.end();
    if (known && !outage) {
      return;
    }
    if (!known && member.failed_units.size() < config_.fall) {
      member.failed_units.push_back(event.unit);
    }
  }
  if (member.failures == 0) {
    member.first_failure = now;
  }
  ++member.failures;
  member.suspected = true;
  member.last_failure = now;
  member.last_outcome = event.kind == RouterEvent::Kind::kConnectionLost
                            ? sending::OutcomeClass::kTransport
                            : event.outcome;
}

bool Router::Counts(const RouterEvent& event) const {
  const auto same = [](char a, char b) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return fold(a) == fold(b);
  };
  return !std::ranges::search(event.error, config_.failure_words, same).empty() ||
         config_.failure_words.empty();
}

void Router::OnAttempt(const RouterEvent& event, TimePoint now) {
  if (event.outcome != sending::OutcomeClass::kOk && !Counts(event)) {
    return;
  }
  Level& level = levels_[event.level];
  Member& member = level.members[event.member];
  switch (event.outcome) {
    case sending::OutcomeClass::kOk:
      OnSuccess(member);
      member.proved = true;
      level.probes_lie = false;
      level.refused.clear();
      level.doubted_since.reset();
      return;
    case sending::OutcomeClass::kRejected:
      OnRefused(event, now);
      return;
    case sending::OutcomeClass::kThrottled:
      // Judged with the backlog at the end of the step.
      level.last_error = event.error;
      if (!member.throttled_since) {
        member.throttled_since = now;
        member.throttle_check = now + config_.overflow_after + Duration(1);
      }
      member.throttled_until = std::max(member.throttled_until, now + event.delay);
      return;
    case sending::OutcomeClass::kTransport:
      if (!event.answered) {
        return;  // the connection's own events count
      }
      [[fallthrough]];
    case sending::OutcomeClass::kFaulty:
    case sending::OutcomeClass::kDenied:
      OnFailure(event, now);
      return;
  }
}

// The batch's trouble, but the peer lives; unless it has taken nothing yet.
void Router::OnRefused(const RouterEvent& event, TimePoint now) {
  Level& level = levels_[event.level];
  level.last_error = event.error;
  const bool known = std::ranges::find(level.refused, event.first_record) != level.refused.end();
  if (level.members[event.member].proved || event.known_bad) {
    return;
  }
  if (event.may_be_there) {
    level.doubted_since = level.doubted_since.value_or(now);
  } else if (!known && level.refused.size() < config_.fall) {
    level.refused.push_back(event.first_record);
  }
}

void Router::JudgeRefusals(size_t index, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  const bool doubted = level.doubted_since && now - *level.doubted_since >= kDoubtMax;
  if (level.state == LevelState::kHealthy && !proved(index) &&
      (level.refused.size() >= config_.fall || doubted)) {
    level.down_by_refusal = true;
    GoDown(index, "denied", now, actions);
  }
}

void Router::OnDialFailed(const RouterEvent& event, TimePoint now, Actions& actions) {
  if (!Counts(event)) {
    return;
  }
  Level& level = levels_[event.level];
  level.last_error = event.error;
  Member& member = level.members[event.member];
  member.last_outcome = sending::OutcomeClass::kTransport;
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
      level.probes_lie = member.outages > 0 && !member.probe_failed;
      GoDown(index, ToString(member.last_outcome), now, actions);
      return;
    }
  }
}

// A peer that asks for time may have it, unless that lasts while data piles up.
void Router::JudgeThrottle(size_t index, bool work_waits, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  if (level.state != LevelState::kHealthy || config_.overflow_after <= Duration::zero()) {
    return;
  }
  for (Member& member : level.members) {
    if (!member.throttled_since || now < member.throttle_check || now > member.throttled_until) {
      continue;
    }
    if (work_waits) {
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
    actions.push_back(
        {.kind = RouterAction::Kind::kHandOver, .level = event.level, .reason = "operator"});
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
  HandOver(index, reason, actions);
  Elect(reason, level.last_error, actions);
}

void Router::BackToDown(size_t index, std::string_view reason, TimePoint now, Actions& actions) {
  Level& level = levels_[index];
  level.probe_at = NextRound(level, now);
  level.good_probes = 0;
  if (level.state != LevelState::kTrial) {
    level.state = LevelState::kDown;  // a failed round is no transition that anybody must read
    return;
  }
  Enter(index, LevelState::kDown, reason, now, actions);
  HandOver(index, reason, actions);
}

void Router::HandOver(size_t index, std::string_view reason, Actions& actions) {
  const Level& level = levels_[index];
  if (level.word != Override::kForced) {
    actions.push_back({.kind = RouterAction::Kind::kHandOver,
                       .level = index,
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
  level.down_by_refusal = false;
  level.probes_lie = false;
  level.refused.clear();
  level.doubted_since.reset();
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

}  // namespace gapless::routing
