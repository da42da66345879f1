#include "routing/outage.h"

#include <algorithm>

namespace gapless::routing {
namespace {

using sending::OutcomeClass;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kRiseProbeGap = milliseconds(200);
constexpr Duration kAllDownPace = seconds(1);
constexpr int kSlowPace = 10;
// Where the peer fails even empty exports, every so many rounds one batch asks instead.
constexpr uint32_t kFaultyRoundsToLiveProbe = 10;

}  // namespace

// A throttled answer is bad only for a level that throttling took down.
bool IsGood(OutcomeClass outcome, DownCause cause) {
  return outcome == OutcomeClass::kOk || outcome == OutcomeClass::kRejected ||
         (outcome == OutcomeClass::kThrottled && cause != DownCause::kThrottling);
}

LevelState Outage::state() const {
  constexpr LevelState kStates[] = {LevelState::kDown, LevelState::kProbing,
                                    LevelState::kLiveProbing};
  return kStates[step_.index()];
}

Outage::Answer Outage::OnProbe(OutcomeClass outcome, const LevelContext& context) {
  if (const auto* waiting = std::get_if<Waiting>(&step_)) {
    step_ = Probing{waiting->probe_at};  // the operator asked, or it was asked before it fell
  }
  if (!IsGood(outcome, cause_)) {
    return OnBadProbe(outcome, context);
  }
  faulty_rounds_ = 0;
  const bool held = context.now < hold_until_;
  const bool refuses = cause_ == DownCause::kRefusals && !waited_;
  if (refuses && (context.all_down || !held)) {
    // It answers probes well and refuses data: only data tells.
    return {Verdict::kLiveProbe, "probe", LiveProbeKind::kOldest};
  }
  if (context.all_down) {
    return {Verdict::kOver, "probe"};
  }
  if (held) {
    step_ = Waiting{hold_until_};  // probed only because nothing else was usable
    return {};
  }
  auto& probing = std::get<Probing>(step_);
  if (++probing.good < context.config.rise) {
    probing.probe_at = context.now + kRiseProbeGap;
    return {};
  }
  if (cause_ == DownCause::kThrottling && !waited_) {
    // A storage that is full takes every empty export: only data tells.
    return {Verdict::kLiveProbe, "probe", LiveProbeKind::kAny};
  }
  return cause_ == DownCause::kDataFailures && !waited_
             ? Answer{Verdict::kLiveProbe, "faulty", LiveProbeKind::kAny}
             : Answer{Verdict::kLiveProbe, "probe", LiveProbeKind::kUsual};
}

Outage::Answer Outage::OnBadProbe(OutcomeClass outcome, const LevelContext& context) {
  TrustProbes();
  ++failed_rounds_;
  faulty_rounds_ = outcome == OutcomeClass::kFaulty ? faulty_rounds_ + 1 : 0;
  const bool may_try = context.all_down || context.now >= hold_until_;
  if (faulty_rounds_ >= kFaultyRoundsToLiveProbe && may_try) {
    return {Verdict::kLiveProbe, "faulty", LiveProbeKind::kAny};
  }
  WaitForNextRound(context);  // a failed round is no transition that anybody must read
  return {};
}

Outage::Answer Outage::OnLiveProbe(OutcomeClass outcome, const LevelContext& context) {
  const LiveProbeKind kind = std::get<LiveProbing>(step_).kind;
  if (outcome == OutcomeClass::kRejected) {
    // The unit's trouble, not the level's: another one shall tell. On a level that has refused
    // everything so far two of a round are enough.
    if (cause_ != DownCause::kRefusals) {
      return {Verdict::kLiveProbe, "probe", kind};
    }
    if (kind == LiveProbeKind::kOldest) {
      return {Verdict::kLiveProbe, "probe", LiveProbeKind::kOther};
    }
    ++failed_rounds_;
    return FailLiveProbe("denied", context);
  }
  if (IsGood(outcome, cause_)) {
    return {Verdict::kOver, "trial"};
  }
  faulty_rounds_ = 0;
  ++failed_rounds_;
  return FailLiveProbe("trial", context);
}

Outage::Answer Outage::FailLiveProbe(std::string_view reason, const LevelContext& context) {
  WaitForNextRound(context);
  return {Verdict::kFailed, reason};
}

Outage::Answer Outage::OnNothingToTry(bool work_waits, const LevelContext& context) {
  auto& probe = std::get<LiveProbing>(step_);
  if (cause_ == DownCause::kThrottling && work_waits) {
    probe.kind = LiveProbeKind::kAny;  // it would get what the others have in hand
  }
  switch (probe.kind) {
    case LiveProbeKind::kUsual:
      return {Verdict::kOver, "probe"};
    case LiveProbeKind::kOldest:
      return {Verdict::kLiveProbe, "faulty", LiveProbeKind::kAny};
    case LiveProbeKind::kOther:  // what it refused may be bad: the next unit that comes tells
    case LiveProbeKind::kAny:
      probe.until = context.now + (context.all_down ? kAllDownPace : context.config.retry_interval);
      return {};
  }
  return {};
}

void Outage::TrustProbes() {
  cause_ = cause_ == DownCause::kDataFailures ? DownCause::kFailures : cause_;
}

void Outage::BeginLiveProbe(LiveProbeKind kind) {
  waited_ = false;
  step_ = LiveProbing{.kind = kind};
}

void Outage::ProbeNow(TimePoint now) {
  EndHold(now);
  if (auto* waiting = std::get_if<Waiting>(&step_)) {
    waiting->probe_at = now;
  } else if (auto* probing = std::get_if<Probing>(&step_)) {
    probing->probe_at = now;
  }
}

void Outage::StopProbing() {
  if (const auto* probing = std::get_if<Probing>(&step_)) {
    step_ = Waiting{probing->probe_at};
  }
}

void Outage::Restart(TimePoint now) {
  EndHold(now);
  step_ = Waiting{now};
}

void Outage::EndWait(TimePoint now) {
  const auto* probe = std::get_if<LiveProbing>(&step_);
  if (probe != nullptr && probe->until && now >= *probe->until) {
    waited_ = probe->kind != LiveProbeKind::kOther;  // it has refused what is there
    step_ = Waiting{now};
    faulty_rounds_ = kFaultyRoundsToLiveProbe - 1;  // if need be it waits again
  }
}

// With all levels down one pace replaces every other setting.
std::optional<TimePoint> Outage::ProbeDue(const LevelContext& context) const {
  const auto* waiting = std::get_if<Waiting>(&step_);
  const auto* probing = std::get_if<Probing>(&step_);
  if (waiting == nullptr && probing == nullptr) {
    return std::nullopt;
  }
  const TimePoint due = waiting != nullptr ? waiting->probe_at : probing->probe_at;
  if (context.all_down) {
    return std::min(due, last_probe_ + kAllDownPace);
  }
  return waiting != nullptr ? std::max(due, context.last_round + context.config.retry_gap) : due;
}

std::optional<TimePoint> Outage::WaitEnds() const {
  const auto* probe = std::get_if<LiveProbing>(&step_);
  return probe != nullptr ? probe->until : std::nullopt;
}

bool Outage::BeginProbe(TimePoint now) {
  last_probe_ = now;
  const auto* waiting = std::get_if<Waiting>(&step_);
  if (waiting == nullptr) {
    return false;
  }
  step_ = Probing{waiting->probe_at};
  return true;
}

void Outage::WaitForNextRound(const LevelContext& context) {
  const RouterConfig& config = context.config;
  const bool slow = config.max_retries > 0 && failed_rounds_ >= config.max_retries;
  const Duration pause = config.retry_interval * (slow ? kSlowPace : 1);
  step_ = Waiting{std::max(context.now + pause, hold_until_)};
}

}  // namespace gapless::routing
