// Router: which level may send. A pure state machine: events in, actions out; no clock, I/O,
// threads or logging.
//
//            3 failed dials, or `fall` failures                probe round due
//    HEALTHY ------------------------------------------> DOWN ------------------> PROBING
//      ^                                                 ^  ^       bad probe          | `rise`
//      good |                                                 |  +--------------------------+
//      probes | good trial, or nothing to try                   |  bad trial                  v
//      +-------------------------------------------------+-------------------------- TRIAL
//
// A plain exporter is a router with one level. One instance per (exporter or failover connector,
// signal); home loop only. Tables: docs/failover.md, router_test.cc.
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

enum class LevelState : uint8_t { kHealthy, kDown, kProbing, kTrial };
// Which unit may serve as a trial.
enum class TrialKind : uint8_t {
  kUsual,   // one that has not failed on the level
  kAny,     // the peer fails even empty exports: any, at the latest the next one that comes
  kOldest,  // the peer has refused everything so far: what it refused first, …
  kOther,   // … then one that it has not seen
};
enum class Override : uint8_t { kAuto, kDrained, kForced };
std::string_view ToString(LevelState state);
std::string_view ToString(Override word);

struct RouterEvent {
  enum class Kind : uint8_t {
    kAttempt,         // an attempt ended: level, member, unit, outcome, answered
    kDialFailed,      // level, member
    kConnectionLost,  // level, member
    kConnected,       // level, member
    kProbe,           // a probe of the whole level ended: level, outcome
    kTrial,           // the trial unit ended: level, outcome
    kNothingToTry,    // no pending unit could serve as a trial: level
    kTrialBegan,      // the unit that a level on trial waited for has come: level
    kOperator,        // level, word
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
  Override word = Override::kAuto;
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
    kTrial,       // send one pending unit to `level`, answer with kTrial or kNothingToTry
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
  TrialKind trial = TrialKind::kUsual;
  std::string error = {};  // the peer's or our last words
  Duration lasted{};       // time spent in `before`
  Duration hold{};         // when going down: how long at least
};

class Router {
 public:
  Router(RouterConfig config, TimePoint now);

  std::vector<RouterAction> Step(const RouterEvent& event, TimePoint now);
  // When the next kTick is due; none: only other events matter.
  std::optional<TimePoint> NextTick() const;

  std::optional<size_t> active() const { return active_; }
  bool Usable(size_t level) const;
  // It has taken data since the start or the last Reconfigure. Until then its refusals say nothing
  // about the data: it may refuse whatever it gets.
  bool proved(size_t level) const {
    return std::ranges::all_of(levels_[level].members, &Member::proved);
  }
  // It is down because it refused all that it got.
  bool down_by_refusal(size_t level) const { return levels_[level].down_by_refusal; }
  LevelState state(size_t level) const { return levels_[level].state; }
  Override override_word(size_t level) const { return levels_[level].word; }
  TimePoint since(size_t level) const { return levels_[level].since; }
  Duration hold(size_t level) const { return levels_[level].hold; }
  const std::string& last_error(size_t level) const { return levels_[level].last_error; }
  size_t levels() const { return levels_.size(); }
  const RouterConfig& config() const { return config_; }

  // A new configuration: levels with a known name keep their state, new ones begin healthy.
  std::vector<RouterAction> Reconfigure(RouterConfig config, TimePoint now);
  // State for a restart, as text; a level that was down then is probed before it is used.
  std::string Save() const;
  // What Save writes of each level, to see whether it has changed.
  struct Remembered {
    bool up = true;
    Override word = Override::kAuto;
    Duration hold{};  // zero: as configured
    bool operator==(const Remembered&) const = default;
  };
  bool Remembers(const std::vector<Remembered>& known) const;
  std::vector<Remembered> Remember() const;
  std::vector<RouterAction> Restore(std::string_view saved, TimePoint now);

 private:
  // What one sender of a level has shown since its last success.
  struct Member {
    uint32_t dial_failures = 0;
    uint32_t failures = 0;
    uint32_t outages = 0;       // of these: no matter which unit it was
    bool proved = false;        // it has taken data
    bool probe_failed = false;  // an empty export too, since its last success
    // Failed, and neither a batch nor a probe succeeded since.
    bool suspected = false;
    TimePoint first_failure{};
    TimePoint last_failure{};
    std::vector<uint64_t> failed_units;
    std::optional<TimePoint> throttled_since;
    TimePoint throttled_until{};
    TimePoint throttle_check{};
    sending::OutcomeClass last_outcome = sending::OutcomeClass::kOk;
  };
  struct Level {
    std::string name;
    LevelState state = LevelState::kHealthy;
    Override word = Override::kAuto;
    TimePoint since{};
    Duration hold{};
    std::vector<Member> members;
    uint32_t good_probes = 0;
    uint32_t failed_rounds = 0;
    uint32_t faulty_rounds = 0;  // rounds in a row that the peer answered with a failure of its own
    bool probe_running = false;
    bool down_by_throttle = false;
    std::vector<uint64_t> refused = {};  // records that it refused before it took any
    // Since when it has refused what may be there already, and has taken nothing.
    std::optional<TimePoint> doubted_since = std::nullopt;
    bool down_by_refusal = false;
    bool probes_lie = false;  // empty exports went well while data failed: only data proves it
    TrialKind trial = TrialKind::kUsual;                  // the one under way
    std::optional<TimePoint> trial_until = std::nullopt;  // it waits so long for a unit to come
    bool waited = false;                                  // none came: a good probe must do
    bool unwell = false;  // its health page says so: not used while another level is usable
    TimePoint hold_until{};
    TimePoint probe_at{};
    TimePoint last_probe{};
    std::optional<TimePoint> returned_at = std::nullopt;
    std::string last_error = {};
  };
  using Actions = std::vector<RouterAction>;

  // Failures answered by a living peer take a level down after at least this time.
  static constexpr Duration kFallTimeMin = std::chrono::seconds(1);
  // A level that only refuses what it may have already is denied after so long.
  static constexpr Duration kDoubtMax = std::chrono::seconds(30);
  static constexpr Duration kHoldMax = std::chrono::minutes(5);

  Level NewLevel(const RouterConfig::Level& wanted, TimePoint now) const;
  Remembered RememberedOf(const Level& level) const;

  // Whether a failure is one that the configuration lets count.
  bool Counts(const RouterEvent& event) const;
  void OnAttempt(const RouterEvent& event, TimePoint now);
  void OnSuccess(Member& member);
  void OnFailure(const RouterEvent& event, TimePoint now);
  void OnDialFailed(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnProbe(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnOperatorProbe(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnSuspicionProbe(Level& level, const RouterEvent& event, TimePoint now);
  void OnBadProbe(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnTrial(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnRefused(const RouterEvent& event, TimePoint now);
  // No unit has come: the level is asked without data again.
  void EndWait(Level& level, TimePoint now);
  void OnRefusedTrial(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnNothingToTry(size_t index, TimePoint now, Actions& actions);
  void OnOperator(const RouterEvent& event, TimePoint now, Actions& actions);
  void OnHealth(const RouterEvent& event, TimePoint now);

  // Takes every level down whose failures have reached the threshold and the least time.
  void JudgeFailures(size_t index, TimePoint now, Actions& actions);
  // Takes a level down that refuses whatever it gets.
  void JudgeRefusals(size_t index, TimePoint now, Actions& actions);
  void JudgeThrottle(size_t index, bool work_waits, TimePoint now, Actions& actions);
  void JudgeHealth(size_t index, TimePoint now, Actions& actions);
  // Whether it may be probed and used, as far as its health page is concerned.
  bool MayServe(const Level& level) const { return !level.unwell || AllDown(); }
  void GoDown(size_t index, std::string_view reason, TimePoint now, Actions& actions);
  void BackToDown(size_t index, std::string_view reason, TimePoint now, Actions& actions);
  void GoHealthy(size_t index, std::string_view reason, TimePoint now, Actions& actions);
  // Takes back what the level has not settled, unless it is forced.
  void HandOver(size_t index, std::string_view reason, Actions& actions);
  // Enters the state if need be.
  void StartTrial(size_t index, TrialKind kind, TimePoint now, Actions& actions);
  void Enter(size_t index, LevelState next, std::string_view reason, TimePoint now,
             Actions& actions);
  void StartDueProbes(TimePoint now, Actions& actions);
  // Recomputes the active level and says so if it changed.
  void Elect(std::string_view reason, const std::string& error, Actions& actions);
  bool AllDown() const;
  std::optional<TimePoint> NextCheck(const Level& level) const;
  TimePoint NextRound(const Level& level, TimePoint now) const;
  TimePoint ProbeDue(const Level& level) const;

  RouterConfig config_;
  std::vector<Level> levels_;
  std::optional<size_t> active_;
  TimePoint last_round_{};
};

}  // namespace gapless::routing
