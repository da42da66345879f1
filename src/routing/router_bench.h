// RouterBench: a router on a clock of its own, with a world that answers its probes. For tests.
#pragma once

#include "base/rng.h"
#include "routing/router.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gapless::routing {

class RouterBench {
 public:
  static RouterConfig Config(const std::vector<size_t>& members) {
    RouterConfig config;
    for (size_t i = 0; i < members.size(); ++i) {
      config.levels.push_back({.name = "level" + std::to_string(i), .members = members[i]});
    }
    return config;
  }

  explicit RouterBench(RouterConfig config = Config({1, 1}))
      : router(std::move(config), now), active(router.active()) {}

  void Feed(RouterEvent event) { Take(router.Step(event, now)); }
  void Dial(size_t level, size_t member = 0) {
    Feed(
        {.kind = RouterEvent::Kind::kDialFailed, .level = level, .member = member, .error = "why"});
  }
  void DialDown(size_t level) {
    for (int i = 0; i < 3; ++i) {
      Dial(level);
    }
  }
  void Fail(size_t level, uint64_t unit,
            sending::OutcomeClass outcome = sending::OutcomeClass::kFaulty) {
    Feed({.kind = RouterEvent::Kind::kAttempt,
          .level = level,
          .unit = unit,
          .outcome = outcome,
          .error = "bad"});
  }
  void Ok(size_t level) {
    Feed({.kind = RouterEvent::Kind::kAttempt, .level = level, .unit = 999, .error = {}});
  }
  void Probe(size_t level, sending::OutcomeClass outcome) {
    pending_probes_.erase(level);
    Feed({.kind = RouterEvent::Kind::kProbe, .level = level, .outcome = outcome, .error = "probe"});
  }
  void LiveProbe(size_t level, sending::OutcomeClass outcome) {
    pending_live_probes_.erase(level);
    Feed({.kind = RouterEvent::Kind::kLiveProbe,
          .level = level,
          .outcome = outcome,
          .error = "trial"});
  }
  void Word(size_t level, Override word) {
    if (word != Override::kAuto || router.operator_override(level) != Override::kAuto) {
      fell_.erase(level);  // the operator may do what he likes
    }
    Feed({.kind = RouterEvent::Kind::kOperator,
          .level = level,
          .operator_override = word,
          .error = {}});
  }
  void Reconfigure(RouterConfig config) {
    pending_probes_.clear();
    pending_live_probes_.clear();
    waiting_live_probes_.clear();
    fell_.clear();
    // Level numbers mean something else now.
    auto actions = router.Reconfigure(std::move(config), now);
    if (!HasActivation(actions)) {
      active = router.active();
    }
    Take(std::move(actions));
  }

  // Lets time pass; answers probes, with and without live data, at once as the settings say.
  void Advance(Duration duration, bool answer = true) {
    const TimePoint end = now + duration;
    while (true) {
      if (answer) {
        FinishPending();
      }
      const auto next = router.NextTick();
      if (!next || *next > end) {
        break;
      }
      now = std::max(now, *next);
      Feed({.work_waits = work_waits, .error = {}});
    }
    now = end;
  }
  void FinishPending() {
    if (answer_live_probes && *answer_live_probes != sending::OutcomeClass::kRejected) {
      pending_live_probes_.merge(waiting_live_probes_);
    }
    while (!pending_probes_.empty() || (answer_live_probes && !pending_live_probes_.empty())) {
      if (!pending_probes_.empty()) {
        const size_t level = *pending_probes_.begin();
        const auto it = answer_by_level.find(level);
        Probe(level, it == answer_by_level.end() ? answer_probes : it->second);
      } else {
        // A peer that rejects everything runs out of batches.
        const size_t level = *pending_live_probes_.begin();
        if (*answer_live_probes == sending::OutcomeClass::kRejected) {
          pending_live_probes_.erase(level);
          Feed({.kind = RouterEvent::Kind::kNothingToTry, .level = level, .error = {}});
          if (router.state(level) == LevelState::kLiveProbing &&
              !pending_live_probes_.contains(level)) {
            waiting_live_probes_.insert(level);  // the next unit that comes
          }
        } else {
          LiveProbe(level, *answer_live_probes);
        }
      }
    }
  }

  void Take(std::vector<RouterAction> actions) {
    for (RouterAction& action : actions) {
      Note(action);
      log.push_back(std::move(action));
    }
  }
  std::vector<RouterAction::Kind> Kinds() const {
    std::vector<RouterAction::Kind> kinds;
    for (const RouterAction& action : log) {
      kinds.push_back(action.kind);
    }
    return kinds;
  }
  const RouterAction* Find(RouterAction::Kind kind) const {
    const auto it = std::ranges::find(log, kind, &RouterAction::kind);
    return it == log.end() ? nullptr : &*it;
  }

  TimePoint now{std::chrono::hours(24)};
  Router router;
  std::optional<size_t> active;  // as told by kActivate
  std::vector<RouterAction> log;
  std::map<size_t, std::vector<TimePoint>> probes;
  sending::OutcomeClass answer_probes = sending::OutcomeClass::kTransport;
  std::map<size_t, sending::OutcomeClass> answer_by_level;
  std::optional<sending::OutcomeClass> answer_live_probes;  // none: trials wait for LiveProbe()
  bool work_waits = false;
  bool flapped = false;

 private:
  static bool HasActivation(const std::vector<RouterAction>& actions) {
    return std::ranges::find(actions, RouterAction::Kind::kActivate, &RouterAction::kind) !=
           actions.end();
  }

  void Note(const RouterAction& action) {
    switch (action.kind) {
      case RouterAction::Kind::kActivate:
        active = action.level;
        break;
      case RouterAction::Kind::kProbe:
        probes[*action.level].push_back(now);
        pending_probes_.insert(*action.level);
        break;
      case RouterAction::Kind::kLiveProbe:
        pending_live_probes_.insert(*action.level);
        if (!active) {
          fell_.erase(*action.level);  // `hold` does not count while nothing is usable
        }
        break;
      case RouterAction::Kind::kTransition:
        NoteTransition(action);
        break;
      case RouterAction::Kind::kHandOver:
        break;
    }
  }

  void NoteTransition(const RouterAction& action) {
    const size_t level = *action.level;
    if (action.before == LevelState::kLiveProbing) {
      pending_live_probes_.erase(level);
    }
    if (action.before == LevelState::kHealthy) {
      fell_[level] = now + action.hold;
    } else if (action.after == LevelState::kHealthy && action.reason == "trial") {
      flapped |= fell_.contains(level) && now < fell_[level];
    }
  }

  std::set<size_t> pending_probes_;
  std::set<size_t> pending_live_probes_;
  std::set<size_t> waiting_live_probes_;  // for the next unit that comes
  std::map<size_t, TimePoint> fell_;
};

}  // namespace gapless::routing
