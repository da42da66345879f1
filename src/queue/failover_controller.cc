#include "queue/failover_controller.h"

#include "queue/failover_log.h"
#include "queue/overlap.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace gapless::queue {
namespace {

routing::RouterConfig RouterConfigOf(const SendingQueueOptions& options) {
  routing::RouterConfig config = options.router;
  config.levels.clear();
  for (const QueueLevel& level : options.levels) {
    config.levels.push_back({.name = level.name, .members = level.paths.size()});
  }
  return config;
}

// The worse of two answers to one probe round.
int Badness(sending::OutcomeClass outcome) {
  switch (outcome) {
    case sending::OutcomeClass::kOk:
      return 0;
    case sending::OutcomeClass::kRejected:
      return 1;
    case sending::OutcomeClass::kThrottled:
      return 2;
    case sending::OutcomeClass::kDenied:
      return 3;
    case sending::OutcomeClass::kFaulty:
      return 4;
    case sending::OutcomeClass::kTransport:
      return 5;
  }
  return 5;
}

}  // namespace

FailoverController::FailoverController(const QueueContext& queue, Turns& turns, Units& units)
    : queue_(queue),
      turns_(turns),
      units_(units),
      router_(RouterConfigOf(queue.options), queue.home.Now()),
      health_(queue.home, queue.log, [this] { TellOfHealth(); }),
      activated_(queue.home.Now()) {
  health_.Build(queue_.options.levels);
}

void FailoverController::Restore() {
  for (const routing::RouterAction& action :
       router_.Restore(queue_.journal.user_state(), queue_.home.Now())) {
    Act(action);
  }
  ArmTick();
}

void FailoverController::Reconfigure() {
  configuration_.Renew();
  saved_.clear();
  for (const routing::RouterAction& action :
       router_.Reconfigure(RouterConfigOf(queue_.options), queue_.home.Now())) {
    Act(action);
  }
  ArmTick();
  health_.Build(queue_.options.levels);
  TellOfHealth();
}

void FailoverController::End() {
  ended_ = true;
  configuration_.Renew();
  tick_.Cancel();
  health_.End();
  queue_.journal.SetUserState(router_.Save());
}

void FailoverController::Feed(const routing::RouterEvent& event) {
  if (ended_) {
    return;
  }
  const Turns::Turn turn(turns_);
  for (const routing::RouterAction& action : router_.Step(event, queue_.home.Now())) {
    Act(action);
  }
  if (event.kind == routing::RouterEvent::Kind::kDialFailed) {
    units_.OnLevelLost(event.level);  // also a level that fell before, for another reason
  }
  SaveState();
  ArmTick();
}

void FailoverController::FeedLater(routing::RouterEvent event) {
  queue_.home.Post(configuration_.Guard([this, event = std::move(event)] { Feed(event); }));
}

// Only what has changed is written down.
void FailoverController::SaveState() {
  if (!router_.Remembers(saved_)) {
    saved_ = router_.Remember();
    queue_.journal.SetUserState(router_.Save());
  }
}

void FailoverController::Act(const routing::RouterAction& action) {
  switch (action.kind) {
    case routing::RouterAction::Kind::kTransition:
      OnTransition(action);
      return;
    case routing::RouterAction::Kind::kActivate:
      OnActivation(action);
      return;
    case routing::RouterAction::Kind::kHandOver:
      units_.TakeBack(*action.level);
      return;
    case routing::RouterAction::Kind::kProbe:
      ProbeLevel(*action.level, [this, level = *action.level](sending::AttemptResult result) {
        Feed({.kind = routing::RouterEvent::Kind::kProbe,
              .level = level,
              .outcome = result.outcome,
              .error = result.status.message()});
      });
      return;
    case routing::RouterAction::Kind::kLiveProbe:
      if (!units_.StartLiveProbe(*action.level, action.live_probe)) {
        FeedLater({.kind = routing::RouterEvent::Kind::kNothingToTry,
                   .level = *action.level,
                   .work_waits = WorkWaits(),
                   .error = {}});
      }
      return;
  }
}

void FailoverController::OnTransition(const routing::RouterAction& action) {
  queue_.stats.Transition(*action.level, action.after);
  LogTransition(queue_.log, queue_.options, action);
  if (IsLossOfTransport(action.reason)) {
    units_.OnLevelLost(*action.level);
  }
  if (action.after == routing::LevelState::kHealthy) {
    units_.OnLevelBack(*action.level);
  }
}

void FailoverController::OnActivation(const routing::RouterAction& action) {
  const bool better = action.level && (!action.from || *action.level < *action.from);
  activated_ = queue_.home.Now();
  queue_.stats.Switched(action.from, action.level, action.reason);
  LogActivation(queue_.log, queue_.options, action, queue_.journal.stats().pending);
  if (better && queue_.options.is_failover) {
    failback_until_ = queue_.journal.head();
  }
  units_.OnActivated(!action.from || better);
}

void FailoverController::ArmTick() {
  const auto next = router_.NextTick();
  if (!next) {
    tick_.Cancel();
    return;
  }
  tick_ = queue_.home.RunAt(std::max(*next, queue_.home.Now()),
                            [this] { Feed({.work_waits = WorkWaits(), .error = {}}); });
}

void FailoverController::Probe(size_t level, sending::AttemptCallback done) {
  ProbeLevel(level, [this, level, done = std::move(done)](sending::AttemptResult result) mutable {
    Feed({.kind = routing::RouterEvent::Kind::kOperatorProbe,
          .level = level,
          .outcome = result.outcome,
          .error = result.status.message()});
    done(std::move(result));
  });
}

void FailoverController::ProbeLevel(size_t level, sending::AttemptCallback done) {
  struct Round {
    size_t waiting = 0;
    sending::AttemptResult worst;
    sending::AttemptCallback done;
  };
  const std::vector<QueueLevel::Path>& paths = queue_.options.levels[level].paths;
  auto round = std::make_shared<Round>();
  round->waiting = paths.size();
  round->done = std::move(done);
  for (const QueueLevel::Path& path : paths) {
    path.sender->Probe(configuration_.Guard([this, level, round](sending::AttemptResult result) {
      if (Badness(result.outcome) > Badness(round->worst.outcome)) {
        round->worst = std::move(result);
      }
      if (--round->waiting == 0) {
        queue_.stats.Probed(level, round->worst.outcome);
        round->done(std::move(round->worst));
      }
    }));
  }
}

void FailoverController::TellOfHealth() {
  for (size_t i = 0; i < queue_.options.levels.size(); ++i) {
    const bool well = health_.IsWell(queue_.options.levels[i].name);
    Feed({.kind = routing::RouterEvent::Kind::kHealth,
          .level = i,
          .well = well,
          .error = well ? "" : "its health check fails"});
  }
}

void FailoverController::CheckFailbackComplete() {
  if (!failback_until_ || router_.active() != 0u) {
    return;
  }
  const auto oldest = queue_.journal.NextPending(0);
  if (oldest && oldest->position < *failback_until_) {
    return;
  }
  failback_until_.reset();
  if (queue_.options.is_failover) {
    queue_.log.Info("failover: failback complete", {{"backlog", 0}});
  }
}

}  // namespace gapless::queue
