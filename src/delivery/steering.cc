// The router's actions carried out: what is logged, probes, trials.
#include "delivery/overlap.h"
#include "delivery/path_client.h"
#include "delivery/sending_queue.h"

#include <algorithm>

namespace gapless::delivery {
namespace {

// The worse of two answers to one probe round.
int Badness(OutcomeClass outcome) {
  switch (outcome) {
    case OutcomeClass::kOk:
      return 0;
    case OutcomeClass::kRejected:
      return 1;
    case OutcomeClass::kThrottled:
      return 2;
    case OutcomeClass::kDenied:
      return 3;
    case OutcomeClass::kFaulty:
      return 4;
    case OutcomeClass::kTransport:
      return 5;
  }
  return 5;
}

}  // namespace

void SendingQueue::Feed(const RouterEvent& event) {
  if (closing_) {
    return;
  }
  for (const RouterAction& action : router_.Step(event, home_.Now())) {
    Act(action);
  }
  if (event.kind == RouterEvent::Kind::kDialFailed) {
    RepeatConfirmed(event.level);  // also a level that fell before, for another reason
  }
  if (std::string state = router_.Save(); state != journal_->user_state()) {
    journal_->SetUserState(std::move(state));
  }
  ArmTick();
}

void SendingQueue::Act(const RouterAction& action) {
  switch (action.kind) {
    case RouterAction::Kind::kTransition:
      LogTransition(action);
      if (IsLossOfTransport(action.reason)) {
        RepeatConfirmed(*action.level);
      }
      if (action.after == LevelState::kHealthy) {
        OnReturn(*action.level);
      }
      break;
    case RouterAction::Kind::kActivate:
      if (!action.from || (action.level && *action.level < *action.from)) {
        backlog_.MarkLive();
      }
      LogActivation(action);
      home_.Post([this, alive = alive_] {
        if (*alive) {
          Dispatch();
          CheckFailbackComplete();
        }
      });
      break;
    case RouterAction::Kind::kHandOver:
      TakeBack(*action.level);
      break;
    case RouterAction::Kind::kProbe:
      StartProbe(*action.level);
      break;
    case RouterAction::Kind::kTrial:
      StartTrial(*action.level, action.trial);
      break;
  }
}

void SendingQueue::OnReturn(size_t level) {
  for (const auto& path : levels_[level].paths) {
    path->sender().ForgetThrottle();
  }
  if (level < backfills_.size()) {
    backfills_[level]->Wake();
  }
}

void SendingQueue::LogTransition(const RouterAction& action) {
  const std::string& level = options_.levels[*action.level].name;
  stats_->Transition(*action.level, action.after);
  if (!options_.is_failover) {
    if (action.after == LevelState::kDown && action.reason == "denied") {
      log_.Error(
          "Destination refuses the data, which is kept. Check its path, encoding, compression and "
          "headers.",
          {{"destination", level}, {"reason", action.reason}, {"error", action.error}});
    } else if (action.after == LevelState::kDown) {
      log_.Warn("Destination is down",
                {{"destination", level}, {"reason", action.reason}, {"error", action.error}});
    } else if (action.after == LevelState::kHealthy) {
      log_.Info("Destination is back", {{"destination", level}, {"outage", action.lasted}});
    }
    return;
  }
  if (action.after == LevelState::kDown && action.before == LevelState::kHealthy) {
    log_.Warn("failover: level down", {{"level", *action.level},
                                       {"destination", level},
                                       {"reason", action.reason},
                                       {"error", action.error},
                                       {"up_for", action.lasted},
                                       {"hold", action.hold}});
  } else if (action.after == LevelState::kHealthy) {
    log_.Info("failover: level is back",
              {{"level", *action.level}, {"destination", level}, {"proof", action.reason}});
  }
}

void SendingQueue::LogActivation(const RouterAction& action) {
  const auto name = [this](std::optional<size_t> level) -> std::string_view {
    return level ? std::string_view(options_.levels[*level].name) : "none";
  };
  activated_ = home_.Now();
  stats_->Switched(action.from, action.level, action.reason);
  if (!options_.is_failover) {
    return;
  }
  const journal::Amount pending = journal_->stats().pending;
  const auto log = [&](telemetry::LogLevel level, std::string_view message) {
    log_.Log(level, message,
             std::initializer_list<telemetry::LogField>{{"from", name(action.from)},
                                                        {"to", name(action.level)},
                                                        {"reason", action.reason},
                                                        {"cause", action.error},
                                                        {"backlog_requests", pending.requests},
                                                        {"backlog_items", pending.items}});
  };
  if (!action.level) {
    log(telemetry::LogLevel::kError, "failover: no level is usable, data is kept");
  } else if (!action.from) {
    log(telemetry::LogLevel::kInfo, "failover: a level is usable again");
    failback_until_ = journal_->head();
  } else if (*action.level > *action.from) {
    log(telemetry::LogLevel::kWarn, "failover: switched to a lower level");
  } else {
    log(telemetry::LogLevel::kInfo, "failover: switched back to a higher level");
    failback_until_ = journal_->head();
  }
}

void SendingQueue::ArmTick() {
  const auto next = router_.NextTick();
  if (!next) {
    tick_.Cancel();
    return;
  }
  tick_ = home_.RunAt(std::max(*next, home_.Now()),
                      [this] { Feed({.work_waits = WorkWaits(), .error = {}}); });
}

void SendingQueue::StartProbe(size_t level) {
  ProbePaths(level, [this, level](AttemptResult result) {
    Feed({.kind = RouterEvent::Kind::kProbe,
          .level = level,
          .outcome = result.outcome,
          .error = result.status.message()});
  });
}

void SendingQueue::Probe(size_t level, AttemptCallback done) {
  ProbePaths(level, [this, level, done = std::move(done)](AttemptResult result) mutable {
    Feed({.kind = RouterEvent::Kind::kOperatorProbe,
          .level = level,
          .outcome = result.outcome,
          .error = result.status.message()});
    done(std::move(result));
  });
}

// The round is as good as its worst member.
void SendingQueue::ProbePaths(size_t level, AttemptCallback done) {
  struct Round {
    size_t waiting = 0;
    AttemptResult worst;
    AttemptCallback done;
  };
  auto round = std::make_shared<Round>();
  round->waiting = levels_[level].paths.size();
  round->done = std::move(done);
  for (const auto& path : levels_[level].paths) {
    path->sender().Probe(
        [this, level, round, config = config_epoch_, alive = alive_](AttemptResult result) {
          if (!*alive || config != config_epoch_) {
            return;
          }
          if (Badness(result.outcome) > Badness(round->worst.outcome)) {
            round->worst = std::move(result);
          }
          if (--round->waiting > 0) {
            return;
          }
          stats_->Probed(level, round->worst.outcome);
          round->done(std::move(round->worst));
        });
  }
}

// The oldest unit that waits and whose turn it is.
Unit* SendingQueue::TakeReturned(size_t level,
                                 const std::function<bool(const UnitTrack&)>& wanted) {
  for (auto it = returned_.begin(); it != returned_.end(); ++it) {
    Unit& unit = units_.at(*it);
    const UnitTrack& track = unit.tracks[level];
    const bool may_try = !(track.rejected && track.certain) && track.late == 0;
    if (may_try && wanted(track) && MayGo(unit, level)) {
      returned_.erase(it);
      return &unit;
    }
  }
  return nullptr;
}

Unit* SendingQueue::TrialCandidate(size_t level, TrialKind kind) {
  const auto any = [](const UnitTrack&) { return true; };
  const auto fresh = [](const UnitTrack& track) {
    return !track.rejected && !track.failed_trial && track.failures == 0;
  };
  if (kind == TrialKind::kOldest) {
    return TakeReturned(level, any);
  }
  if (Unit* unit = TakeReturned(level, fresh)) {
    return unit;
  }
  backlog_.Refresh();
  UnitParts parts = HasRoom(level) ? TakeFresh(level, /*flush=*/true) : UnitParts();
  if (!parts.empty()) {
    return &NewUnit(std::move(parts));
  }
  const auto not_refused = [](const UnitTrack& track) { return !track.rejected; };
  return kind == TrialKind::kAny ? TakeReturned(level, not_refused) : nullptr;
}

void SendingQueue::StartTrial(size_t level, TrialKind kind) {
  Unit* unit = TrialCandidate(level, kind);
  if (unit == nullptr) {
    if (kind == TrialKind::kAny) {
      trial_wanted_ = level;
      if (level < backfills_.size()) {
        backfills_[level]->Wake();
      }
    }
    home_.Post([this, level, config = config_epoch_, alive = alive_] {
      if (*alive && config == config_epoch_) {
        Feed({.kind = RouterEvent::Kind::kNothingToTry, .level = level, .error = {}});
      }
    });
    return;
  }
  unit->trial = true;
  Assign(*unit, level);
}

// The trial unit goes away without having spoken to the peer: another one shall tell.
void SendingQueue::AbandonTrial(Unit& unit) {
  if (!unit.trial) {
    return;
  }
  unit.trial = false;
  home_.Post([this, level = *unit.level, config = config_epoch_, alive = alive_] {
    if (*alive && config == config_epoch_) {
      Feed({.kind = RouterEvent::Kind::kTrial,
            .level = level,
            .outcome = OutcomeClass::kRejected,
            .error = {}});
    }
  });
}

void SendingQueue::SetOverride(size_t level, Override word) {
  Feed({.kind = RouterEvent::Kind::kOperator, .level = level, .word = word, .error = {}});
}

}  // namespace gapless::delivery
