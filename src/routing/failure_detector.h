// FailureDetector: decides whether a level that is in use has failed, from what its senders
// (members) have shown since their last success.
//
//   dials        three failed ones in a row: at once
//   failures     `fall` of them, of different units, over a second; probes make up the number
//   throttling   for `overflow_after`, while something waits
//   refusals     `fall` units, or 30 s of what may be there already, of a level that took nothing
//
// Pure. One for each time that a level is in use. Limits: docs/failover.md.
#pragma once

#include "routing/router_events.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gapless::routing {

// What took a level down, as far as it matters for the proof that it is back.
enum class DownCause : uint8_t {
  kFailures,
  kDataFailures,  // while empty exports went well: only data proves the level
  kThrottling,    // a throttled answer is a bad one
  kRefusals,      // of everything that it got: only data proves the level
};

class FailureDetector {
 public:
  struct Finding {
    std::string_view reason;  // of RouterAction
    DownCause cause = DownCause::kFailures;
  };

  explicit FailureDetector(size_t members) : members_(members) {}

  // An attempt ended that counts, a dial failed, or a connection was made or lost. `proved`: the
  // member has taken data before.
  void On(const RouterEvent& event, bool proved, const RouterConfig& config, TimePoint now);
  // Too many dials of a member have failed in a row.
  bool unreachable() const;
  // A probe of the suspected members ended. True if it counts as one more failure.
  bool OnProbe(bool failed, sending::OutcomeClass outcome, TimePoint now);

  // What takes the level down now; none: nothing. `proved`: every member has taken data.
  std::optional<Finding> Judge(bool proved, bool work_waits, const RouterConfig& config,
                               TimePoint now);
  // When a failure has waited long enough for an attempt that confirms or contradicts it.
  std::optional<TimePoint> ProbeDue() const;
  // When to judge again; none: not before the next event.
  std::optional<TimePoint> NextCheck(const RouterConfig& config) const;

 private:
  struct Member {
    uint32_t dial_failures = 0;
    uint32_t failures = 0;
    uint32_t outages = 0;       // of these: no matter which unit it was
    bool probe_failed = false;  // an empty export too
    // Failed, and neither a batch nor a probe succeeded since.
    bool suspected = false;
    TimePoint first_failure{};
    TimePoint last_failure{};
    std::vector<uint64_t> failed_units;
    sending::OutcomeClass last_outcome = sending::OutcomeClass::kOk;
    std::optional<TimePoint> throttle_check;  // it throttles; then it is to be judged
    TimePoint throttled_until{};
  };

  void OnAttempt(const RouterEvent& event, bool proved, const RouterConfig& config, TimePoint now);
  void OnFailure(const RouterEvent& event, const RouterConfig& config, TimePoint now);
  bool Throttles(bool work_waits, TimePoint now);

  std::vector<Member> members_;
  std::vector<uint64_t> refused_;  // records that it refused before it took any
  // Since when it has refused what may be there already, and has taken nothing.
  std::optional<TimePoint> doubted_since_;
};

}  // namespace gapless::routing
