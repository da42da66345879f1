#include "routing/level.h"

namespace gapless::routing {
namespace {

using sending::OutcomeClass;

// Whether a failure is one that the configuration lets count.
bool Counts(const RouterEvent& event, const RouterConfig& config) {
  const auto same = [](char a, char b) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return fold(a) == fold(b);
  };
  return config.failure_words.empty() ||
         !std::ranges::search(event.error, config.failure_words, same).empty();
}

}  // namespace

Level::Level(const RouterConfig::Level& wanted, Duration hold, TimePoint now)
    : name_(wanted.name),
      hold_(hold),
      since_(now),
      proved_(wanted.members),
      state_(Healthy{FailureDetector(wanted.members)}) {}

LevelState Level::state() const {
  const auto* outage = std::get_if<Outage>(&state_);
  return outage != nullptr ? outage->state() : LevelState::kHealthy;
}

bool Level::usable() const {
  return override_ == Override::kForced ||
         (override_ == Override::kAuto && std::holds_alternative<Healthy>(state_));
}

bool Level::down_by_refusal() const {
  const auto* outage = std::get_if<Outage>(&state_);
  return outage != nullptr && outage->cause() == DownCause::kRefusals;
}

void Level::On(const RouterEvent& event, const LevelContext& context, RouterActions& actions) {
  switch (event.kind) {
    case RouterEvent::Kind::kAttempt:
    case RouterEvent::Kind::kDialFailed:
    case RouterEvent::Kind::kConnectionLost:
    case RouterEvent::Kind::kConnected:
      OnTraffic(event, context, actions);
      return;
    case RouterEvent::Kind::kProbe:
    case RouterEvent::Kind::kOperatorProbe:
      OnProbe(event, context, actions);
      return;
    case RouterEvent::Kind::kLiveProbe:
    case RouterEvent::Kind::kNothingToTry:
    case RouterEvent::Kind::kUnitCame:
      if (state() == LevelState::kLiveProbing) {
        OnLiveProbe(event, context, actions);
      }
      return;
    case RouterEvent::Kind::kOperator:
      OnOverride(event.operator_override, context, actions);
      return;
    case RouterEvent::Kind::kHealth:
      OnHealthPage(event, context.now);
      return;
    case RouterEvent::Kind::kTick:
      return;
  }
}

void Level::OnTraffic(const RouterEvent& event, const LevelContext& context,
                      RouterActions& actions) {
  const bool attempt = event.kind == RouterEvent::Kind::kAttempt;
  const bool taken = attempt && event.outcome == OutcomeClass::kOk;
  if (!taken && event.kind != RouterEvent::Kind::kConnected) {
    // Of a connection that failed its own events count.
    const bool told_elsewhere =
        attempt && event.outcome == OutcomeClass::kTransport && !event.answered;
    if (told_elsewhere || !Counts(event, context.config)) {
      return;
    }
    last_error_ = event.error;
  }
  if (auto* healthy = std::get_if<Healthy>(&state_)) {
    healthy->failures.On(event, proved_[event.member], context.config, context.now);
    if (healthy->failures.unreachable()) {
      Fall({.reason = "dial_failed"}, context, actions);
    }
  } else if (taken) {
    std::get<Outage>(state_).TrustProbes();
  }
  proved_[event.member] = proved_[event.member] || taken;
}

// One that the operator asked for tells as much as one of our own, which may be under way beside
// it; asking also means that the level need not wait any longer.
void Level::OnProbe(const RouterEvent& event, const LevelContext& context, RouterActions& actions) {
  const bool ours = event.kind == RouterEvent::Kind::kProbe;
  probe_running_ = probe_running_ && !ours;
  if (!ours && override_ != Override::kAuto) {
    return;
  }
  if (auto* healthy = std::get_if<Healthy>(&state_)) {
    const bool failed =
        !IsGood(event.outcome, DownCause::kFailures) && Counts(event, context.config);
    if (healthy->failures.OnProbe(failed, event.outcome, context.now)) {
      last_error_ = event.error;
    }
    return;
  }
  auto& outage = std::get<Outage>(state_);
  if (outage.state() == LevelState::kLiveProbing) {
    return;
  }
  if (override_ != Override::kAuto) {
    outage.StopProbing();  // the override came while the probe was under way
    return;
  }
  if (!ours) {
    outage.EndHold(context.now);
  }
  if (!IsGood(event.outcome, outage.cause())) {
    last_error_ = event.error;
  }
  Follow(outage.OnProbe(event.outcome, context), context.now, actions);
}

void Level::OnLiveProbe(const RouterEvent& event, const LevelContext& context,
                        RouterActions& actions) {
  auto& outage = std::get<Outage>(state_);
  if (event.kind == RouterEvent::Kind::kUnitCame) {
    outage.OnUnitCame();
    return;
  }
  if (event.kind == RouterEvent::Kind::kNothingToTry) {
    Follow(outage.OnNothingToTry(event.work_waits, context), context.now, actions);
    return;
  }
  const bool refused = event.outcome == OutcomeClass::kRejected;
  if (refused ? down_by_refusal() && !event.error.empty()
              : !IsGood(event.outcome, outage.cause())) {
    last_error_ = event.error;
  }
  if (event.outcome == OutcomeClass::kOk) {
    proved_.assign(proved_.size(), true);
  }
  Follow(outage.OnLiveProbe(event.outcome, context), context.now, actions);
}

void Level::OnOverride(Override wanted, const LevelContext& context, RouterActions& actions) {
  if (override_ == wanted) {
    return;
  }
  const bool was_usable = usable();
  override_ = wanted;
  auto* outage = std::get_if<Outage>(&state_);
  if (state() == LevelState::kLiveProbing && wanted == Override::kDrained) {
    Follow(outage->FailLiveProbe("operator", context), context.now, actions);
  }
  if (was_usable && !usable()) {
    actions.push_back({.kind = RouterAction::Kind::kHandOver, .reason = "operator"});
  }
  if (outage != nullptr && wanted == Override::kAuto) {
    outage->ProbeNow(context.now);
  }
}

void Level::OnHealthPage(const RouterEvent& event, TimePoint now) {
  if (unwell_ == !event.well) {
    return;
  }
  unwell_ = !event.well;
  if (unwell_) {
    last_error_ = event.error;
  } else if (auto* outage = std::get_if<Outage>(&state_)) {
    outage->ProbeNow(now);  // the page was the reason to wait
  }
}

void Level::Judge(bool work_waits, const LevelContext& context, RouterActions& actions) {
  auto* healthy = std::get_if<Healthy>(&state_);
  if (healthy == nullptr) {
    return;
  }
  if (const auto finding =
          healthy->failures.Judge(proved(), work_waits, context.config, context.now)) {
    Fall(*finding, context, actions);
  } else if (unwell_ && context.other_usable) {
    // Nothing is better than what is unwell if nothing else is usable.
    Fall({.reason = "health_check"}, context, actions);
  }
}

bool Level::ProbeIfDue(const LevelContext& context, RouterActions& actions) {
  auto* outage = std::get_if<Outage>(&state_);
  if (outage != nullptr) {
    outage->EndWait(context.now);
  }
  const auto due = NextProbe(context);
  if (!due || context.now < *due) {
    return false;
  }
  probe_running_ = true;
  actions.push_back({.kind = RouterAction::Kind::kProbe, .reason = "probe"});
  return outage != nullptr && outage->BeginProbe(context.now);
}

std::optional<TimePoint> Level::NextProbe(const LevelContext& context) const {
  if (probe_running_ || override_ != Override::kAuto) {
    return std::nullopt;
  }
  if (const auto* healthy = std::get_if<Healthy>(&state_)) {
    return healthy->failures.ProbeDue();
  }
  return unwell_ && !context.all_down ? std::nullopt : std::get<Outage>(state_).ProbeDue(context);
}

std::optional<TimePoint> Level::NextTick(const LevelContext& context) const {
  const auto* healthy = std::get_if<Healthy>(&state_);
  return Earlier(NextProbe(context), healthy != nullptr
                                         ? healthy->failures.NextCheck(context.config)
                                         : std::get<Outage>(state_).WaitEnds());
}

LevelMemory Level::memory() const {
  return {.up = std::holds_alternative<Healthy>(state_),
          .operator_override = override_,
          .hold = hold_.grown()};
}

void Level::Reconfigure(size_t members, Duration hold, TimePoint now) {
  hold_.Configure(hold);
  proved_.assign(members, false);
  probe_running_ = false;
  if (auto* healthy = std::get_if<Healthy>(&state_)) {
    healthy->failures = FailureDetector(members);
  } else {
    std::get<Outage>(state_).Restart(now);
  }
}

void Level::Restore(const LevelMemory& memory, TimePoint now) {
  hold_.Restore(memory.hold);
  override_ = memory.operator_override;
  if (!memory.up) {
    since_ = now;
    state_ = Outage(DownCause::kFailures, now, now, now);
  }
}

void Level::Fall(const FailureDetector::Finding& finding, const LevelContext& context,
                 RouterActions& actions) {
  const TimePoint now = context.now;
  if (std::get<Healthy>(state_).returned) {
    hold_.OnFall(now - since_);
  }
  TellTransition(LevelState::kHealthy, LevelState::kDown, finding.reason, now, actions);
  HandOver(finding.reason, actions);
  since_ = now;
  const TimePoint hold_until = now + hold();
  state_ = Outage(finding.cause, now, hold_until,
                  std::max(now + context.config.retry_interval, hold_until));
}

void Level::Follow(const Outage::Answer& answer, TimePoint now, RouterActions& actions) {
  switch (answer.verdict) {
    case Outage::Verdict::kGoesOn:
      return;
    case Outage::Verdict::kLiveProbe:
      if (state() != LevelState::kLiveProbing) {
        TellTransition(state(), LevelState::kLiveProbing, answer.reason, now, actions);
      }
      std::get<Outage>(state_).BeginLiveProbe(answer.kind);
      actions.push_back({.kind = RouterAction::Kind::kLiveProbe, .live_probe = answer.kind});
      return;
    case Outage::Verdict::kFailed:
      TellTransition(LevelState::kLiveProbing, LevelState::kDown, answer.reason, now, actions);
      HandOver(answer.reason, actions);
      return;
    case Outage::Verdict::kOver:
      TellTransition(state(), LevelState::kHealthy, answer.reason, now, actions);
      since_ = now;
      state_ = Healthy{.failures = FailureDetector(proved_.size()), .returned = true};
      return;
  }
}

void Level::TellTransition(LevelState before, LevelState after, std::string_view reason,
                           TimePoint now, RouterActions& actions) const {
  actions.push_back({.kind = RouterAction::Kind::kTransition,
                     .before = before,
                     .after = after,
                     .reason = reason,
                     .error = last_error_,
                     .lasted = now - since_,
                     .hold = hold()});
}

void Level::HandOver(std::string_view reason, RouterActions& actions) const {
  if (override_ != Override::kForced) {
    actions.push_back(
        {.kind = RouterAction::Kind::kHandOver, .reason = reason, .error = last_error_});
  }
}

}  // namespace gapless::routing
