// What a router is told, and what it asks for: configuration, events and actions. Values.
#pragma once

#include "base/loop.h"
#include "sending/outcome.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::routing {

struct RouterConfig {
  // The levels, most wanted first: name and how many senders each has.
  struct Level {
    std::string name;
    size_t members = 1;
    bool operator==(const Level&) const = default;
  };
  std::vector<Level> levels;
  Duration retry_interval = std::chrono::seconds(30);
  Duration retry_gap = std::chrono::seconds(1);
  uint32_t max_retries = 0;
  uint32_t fall = 3;
  uint32_t rise = 2;
  Duration hold = std::chrono::seconds(5);
  // A level that only throttles for so long, while something waits, goes down. (Where it takes some
  // of the data, the queue sends the rest elsewhere after this time.) 0: never.
  Duration overflow_after = std::chrono::seconds(30);
  // Only failures whose words contain this, in any case, count against a level that is in use;
  // empty: all do. A level that is down needs a success, whatever its failures say.
  std::string failure_words;

  bool operator==(const RouterConfig&) const = default;
};

enum class LevelState : uint8_t { kHealthy, kDown, kProbing, kLiveProbing };
// Which unit may serve as a probe with live data.
enum class LiveProbeKind : uint8_t {
  kUsual,   // one that has not failed on the level
  kAny,     // the peer fails even empty exports: any, at the latest the next one that comes
  kOldest,  // the peer has refused everything so far: what it refused first, …
  kOther,   // … then one that it has not seen, at the latest the next one that comes
};
enum class Override : uint8_t { kAuto, kDrained, kForced };
std::string_view ToString(LevelState state);
std::string_view ToString(Override value);

struct RouterEvent {
  enum class Kind : uint8_t {
    kAttempt,         // an attempt ended: level, member, unit, outcome, answered
    kDialFailed,      // level, member
    kConnectionLost,  // level, member
    kConnected,       // level, member
    kProbe,           // a probe of the whole level ended: level, outcome
    kLiveProbe,       // a probe with live data ended: level, outcome
    kNothingToTry,    // no pending unit could serve as one: level
    kUnitCame,        // the unit that a level waited for has come, and is sent: level
    kOperator,        // level, operator_override
    kOperatorProbe,   // a probe that the operator asked for ended: level, outcome; ends a hold
    kHealth,          // the verdict of the level's health page: level, well
    kTick,            // time passed
  };
  Kind kind = Kind::kTick;
  size_t level = 0;
  size_t member = 0;
  // The unit of an attempt: failures of one unit count once against a level, where they may be the
  // unit's fault. And its first record: refusals of pieces of one unit count once.
  uint64_t unit = 0;
  uint64_t first_record = 0;
  sending::OutcomeClass outcome = sending::OutcomeClass::kOk;
  // A living peer answered (or let the attempt time out); false: the connection failed, which is
  // counted by the connection's own events.
  bool answered = true;
  Override operator_override = Override::kAuto;
  bool well = true;
  // Refused for its size, or called invalid before by a level that takes others.
  bool known_bad = false;
  // The peer may have it already, by an attempt whose outcome nobody heard, and refuse it for that.
  bool may_be_there = false;
  // Others wait behind this unit, and none has succeeded since it first failed.
  bool holds_up = false;
  // A throttled attempt: for how long the peer is left alone.
  Duration delay{};
  // There is something to send (attempts and ticks): with this, a throttle of 30 s takes the level
  // down.
  bool work_waits = false;
  std::string error;
};

struct RouterAction {
  enum class Kind : uint8_t {
    kActivate,    // new data goes to `level` (none: nobody) instead of `from`
    kHandOver,    // take back every unit that `level` has not settled
    kProbe,       // probe every member of `level`, answer with kProbe
    kLiveProbe,   // send one pending unit to `level`, answer with kLiveProbe or kNothingToTry
    kTransition,  // `level` went from state `before` to `after`: log and count
  };
  Kind kind;
  std::optional<size_t> level = std::nullopt;
  std::optional<size_t> from = std::nullopt;
  LevelState before = LevelState::kHealthy;
  LevelState after = LevelState::kHealthy;
  // "dial_failed", "transport", "faulty", "throttled", "denied", "probe", "trial", "operator",
  // "health_check"
  std::string_view reason = {};
  LiveProbeKind live_probe = LiveProbeKind::kUsual;
  std::string error = {};  // the peer's or our last words
  Duration lasted{};       // time spent in `before`
  Duration hold{};         // when going down: how long at least
};

using RouterActions = std::vector<RouterAction>;

// The earlier of two times; none: never.
inline std::optional<TimePoint> Earlier(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  return a && b ? std::min(a, b) : std::max(a, b);
}

}  // namespace gapless::routing
