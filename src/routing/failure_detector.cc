#include "routing/failure_detector.h"

#include <algorithm>

namespace gapless::routing {
namespace {

using sending::OutcomeClass;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kDialFailuresToFall = 3;
// Failures answered by a living peer take a level down after at least this time.
constexpr Duration kFallTimeMin = seconds(1);
constexpr Duration kSuspicionProbeGap = milliseconds(300);
constexpr Duration kThrottleCheckGap = seconds(1);
// A level that only refuses what it may have already is denied after so long.
constexpr Duration kDoubtMax = seconds(30);

// Adds `id` unless it is known or the list is full. True if it was known.
bool Note(std::vector<uint64_t>& list, uint64_t id, size_t limit) {
  const bool known = std::ranges::find(list, id) != list.end();
  if (!known && list.size() < limit) {
    list.push_back(id);
  }
  return known;
}

}  // namespace

void FailureDetector::On(const RouterEvent& event, bool proved, const RouterConfig& config,
                         TimePoint now) {
  Member& member = members_[event.member];
  if (event.kind == RouterEvent::Kind::kConnected) {
    member.dial_failures = 0;
  } else if (event.kind == RouterEvent::Kind::kDialFailed) {
    ++member.dial_failures;
    member.last_outcome = OutcomeClass::kTransport;
  } else if (event.kind == RouterEvent::Kind::kConnectionLost) {
    // A peer that accepts and then hangs up: once per connection, as if one more batch had failed.
    OnFailure(event, config, now);
  } else {
    OnAttempt(event, proved, config, now);
  }
}

bool FailureDetector::unreachable() const {
  return std::ranges::any_of(
      members_, [](const Member& member) { return member.dial_failures >= kDialFailuresToFall; });
}

void FailureDetector::OnAttempt(const RouterEvent& event, bool proved, const RouterConfig& config,
                                TimePoint now) {
  Member& member = members_[event.member];
  switch (event.outcome) {
    case OutcomeClass::kOk:
      member = {.throttled_until = member.throttled_until};
      refused_.clear();
      doubted_since_.reset();
      return;
    case OutcomeClass::kRejected:
      // The batch's trouble, but the peer lives; unless it has taken nothing yet.
      if (proved || event.known_bad) {
        return;
      }
      if (event.may_be_there) {
        doubted_since_ = doubted_since_.value_or(now);
      } else {
        Note(refused_, event.first_record, config.fall);
      }
      return;
    case OutcomeClass::kThrottled:
      // Judged with the backlog at the end of the step.
      member.throttle_check =
          member.throttle_check.value_or(now + config.overflow_after + Duration(1));
      member.throttled_until = std::max(member.throttled_until, now + event.delay);
      return;
    case OutcomeClass::kTransport:
    case OutcomeClass::kFaulty:
    case OutcomeClass::kDenied:
      OnFailure(event, config, now);
      return;
  }
}

void FailureDetector::OnFailure(const RouterEvent& event, const RouterConfig& config,
                                TimePoint now) {
  Member& member = members_[event.member];
  const bool lost = event.kind == RouterEvent::Kind::kConnectionLost;
  const OutcomeClass outcome = lost ? OutcomeClass::kTransport : event.outcome;
  // Nobody else can tell, or it is none that a unit could be the reason of.
  const bool outage = event.holds_up || (!lost && outcome == OutcomeClass::kTransport);
  member.outages += outage ? 1 : 0;
  if (event.unit != 0 && Note(member.failed_units, event.unit, config.fall) && !outage) {
    return;
  }
  if (member.failures == 0) {
    member.first_failure = now;
  }
  ++member.failures;
  member.suspected = true;
  member.last_failure = now;
  member.last_outcome = outcome;
}

// A failure and no traffic to confirm it: probes make up the number.
bool FailureDetector::OnProbe(bool failed, OutcomeClass outcome, TimePoint now) {
  bool counted = false;
  for (Member& member : members_) {
    if (!member.suspected) {
      continue;
    }
    if (!failed) {
      // It fails single batches, so far. Their units stay known: repeats do not count again, but a
      // peer that fails every batch and answers every probe adds up to a failure all the same.
      member.failures = std::max(static_cast<uint32_t>(member.failed_units.size()), member.outages);
      member.suspected = false;
      continue;
    }
    ++member.failures;
    member.probe_failed = true;
    member.last_failure = now;
    member.last_outcome = outcome;
    counted = true;
  }
  return counted;
}

std::optional<FailureDetector::Finding> FailureDetector::Judge(bool proved, bool work_waits,
                                                               const RouterConfig& config,
                                                               TimePoint now) {
  for (const Member& member : members_) {
    if (member.suspected && member.failures >= config.fall &&
        now - member.first_failure >= kFallTimeMin) {
      const bool data_alone = member.outages > 0 && !member.probe_failed;
      return Finding{.reason = ToString(member.last_outcome),
                     .cause = data_alone ? DownCause::kDataFailures : DownCause::kFailures};
    }
  }
  const bool doubted = doubted_since_ && now - *doubted_since_ >= kDoubtMax;
  if (!proved && (refused_.size() >= config.fall || doubted)) {
    return Finding{.reason = "denied", .cause = DownCause::kRefusals};
  }
  if (config.overflow_after > Duration::zero() && Throttles(work_waits, now)) {
    return Finding{.reason = "throttled", .cause = DownCause::kThrottling};
  }
  return std::nullopt;
}

// A peer that asks for time may have it, unless that lasts while data piles up.
bool FailureDetector::Throttles(bool work_waits, TimePoint now) {
  for (Member& member : members_) {
    if (!member.throttle_check || now < *member.throttle_check || now > member.throttled_until) {
      continue;
    }
    if (work_waits) {
      return true;
    }
    member.throttle_check = now + kThrottleCheckGap;
  }
  return false;
}

std::optional<TimePoint> FailureDetector::ProbeDue() const {
  std::optional<TimePoint> due;
  for (const Member& member : members_) {
    if (member.suspected) {
      due = Earlier(due, member.last_failure + kSuspicionProbeGap);
    }
  }
  return due;
}

std::optional<TimePoint> FailureDetector::NextCheck(const RouterConfig& config) const {
  std::optional<TimePoint> next;
  for (const Member& member : members_) {
    if (member.suspected && member.failures >= config.fall) {
      next = Earlier(next, member.first_failure + kFallTimeMin);
    }
    if (member.throttle_check && *member.throttle_check <= member.throttled_until) {
      next = Earlier(next, member.throttle_check);
    }
  }
  return doubted_since_ ? Earlier(next, *doubted_since_ + kDoubtMax) : next;
}

}  // namespace gapless::routing
