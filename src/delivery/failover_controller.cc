#include "delivery/failover_controller.h"

#include "delivery/failover_log.h"
#include "delivery/overlap.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace gapless::delivery {
namespace {

RouterConfig RouterConfigOf(const SendingQueueOptions& options) {
  RouterConfig config = options.router;
  config.levels.clear();
  for (const QueueLevel& level : options.levels) {
    config.levels.push_back({.name = level.name, .members = level.paths.size()});
  }
  return config;
}

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
  for (const RouterAction& action :
       router_.Restore(queue_.journal.user_state(), queue_.home.Now())) {
    Act(action);
  }
  ArmTick();
}

void FailoverController::Reconfigure() {
  configuration_.Renew();
  saved_.clear();
  for (const RouterAction& action :
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

void FailoverController::Feed(const RouterEvent& event) {
  if (ended_) {
    return;
  }
  const Turns::Turn turn(turns_);
  for (const RouterAction& action : router_.Step(event, queue_.home.Now())) {
    Act(action);
  }
  if (event.kind == RouterEvent::Kind::kDialFailed) {
    units_.OnLevelLost(event.level);  // also a level that fell before, for another reason
  }
  SaveState();
  ArmTick();
}

void FailoverController::FeedLater(RouterEvent event) {
  queue_.home.Post(configuration_.Guard([this, event = std::move(event)] { Feed(event); }));
}

// Only what has changed is written down.
void FailoverController::SaveState() {
  if (!router_.Remembers(saved_)) {
    saved_ = router_.Remember();
    queue_.journal.SetUserState(router_.Save());
  }
}

void FailoverController::Act(const RouterAction& action) {
  switch (action.kind) {
    case RouterAction::Kind::kTransition:
      OnTransition(action);
      return;
    case RouterAction::Kind::kActivate:
      OnActivation(action);
      return;
    case RouterAction::Kind::kHandOver:
      units_.TakeBack(*action.level);
      return;
    case RouterAction::Kind::kProbe:
      ProbeLevel(*action.level, [this, level = *action.level](AttemptResult result) {
        Feed({.kind = RouterEvent::Kind::kProbe,
              .level = level,
              .outcome = result.outcome,
              .error = result.status.message()});
      });
      return;
    case RouterAction::Kind::kTrial:
      if (!units_.StartTrial(*action.level, action.trial)) {
        FeedLater({.kind = RouterEvent::Kind::kNothingToTry, .level = *action.level, .error = {}});
      }
      return;
  }
}

void FailoverController::OnTransition(const RouterAction& action) {
  queue_.stats.Transition(*action.level, action.after);
  LogTransition(queue_.log, queue_.options, action);
  if (IsLossOfTransport(action.reason)) {
    units_.OnLevelLost(*action.level);
  }
  if (action.after == LevelState::kHealthy) {
    units_.OnLevelBack(*action.level);
  }
}

void FailoverController::OnActivation(const RouterAction& action) {
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
                            [this] { Feed({.work_waits = units_.WorkWaits(), .error = {}}); });
}

void FailoverController::Probe(size_t level, AttemptCallback done) {
  ProbeLevel(level, [this, level, done = std::move(done)](AttemptResult result) mutable {
    Feed({.kind = RouterEvent::Kind::kOperatorProbe,
          .level = level,
          .outcome = result.outcome,
          .error = result.status.message()});
    done(std::move(result));
  });
}

void FailoverController::ProbeLevel(size_t level, AttemptCallback done) {
  struct Round {
    size_t waiting = 0;
    AttemptResult worst;
    AttemptCallback done;
  };
  const std::vector<QueueLevel::Path>& paths = queue_.options.levels[level].paths;
  auto round = std::make_shared<Round>();
  round->waiting = paths.size();
  round->done = std::move(done);
  for (const QueueLevel::Path& path : paths) {
    path.sender->Probe(configuration_.Guard([this, level, round](AttemptResult result) {
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
    Feed({.kind = RouterEvent::Kind::kHealth,
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

}  // namespace gapless::delivery
