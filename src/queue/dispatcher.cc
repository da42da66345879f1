#include "queue/dispatcher.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

UnitPolicy::Rules RulesOf(const SendingQueueOptions& options) {
  return {.on_expiry = options.queue.on_expiry,
          .client_waits = options.ack == Ack::kSettled,
          .withdraw = options.withdraw};
}

}  // namespace

Dispatcher::Dispatcher(const QueueContext& queue, Admission& admission, PendingClients& clients,
                       Owner& owner)
    : queue_(queue),
      owner_(owner),
      turns_([this] { EndTurn(); }),
      scheduler_(UnitMemory({queue.options.memory, MemoryUse::kUnits})),
      failover_(queue, turns_, *this),
      policy_(failover_.router()),
      backfills_(queue,
                 {.wake = [this] { Run(); },
                  .duplicates = [this](uint64_t items) { settler_.CountDuplicates(items); },
                  .attempted =
                      [this](size_t level, const sending::AttemptResult& result) {
                        probes_.OnOldAttempt(level, result);
                      },
                  .proved = [this](size_t level) { return failover_.router().proved(level); }}),
      tracker_(queue.journal, admission, clients,
               [this](const SettlementTracker::Debt& debt) { backfills_.OnDebt(debt); }),
      settler_(queue, tracker_, backfills_, admission, *this),
      levels_(queue, outcomes_),
      source_(queue, scheduler_, tracker_, levels_),
      carrier_({.queue = queue,
                .turns = turns_,
                .scheduler = scheduler_,
                .policy = policy_,
                .tracker = tracker_,
                .settler = settler_,
                .failover = failover_,
                .levels = levels_}),
      outcomes_({.queue = queue,
                 .turns = turns_,
                 .source = source_,
                 .scheduler = scheduler_,
                 .policy = policy_,
                 .settler = settler_,
                 .tracker = tracker_,
                 .failover = failover_,
                 .backfills = backfills_,
                 .carrier = carrier_}),
      probes_(scheduler_, source_, carrier_, backfills_, failover_) {}

void Dispatcher::Start() {
  const Turns::Turn turn(turns_);
  policy_.SetRules(RulesOf(queue_.options));
  levels_.Build();
  backfills_.Build();
  queue_.journal.ForgetUnregisteredReaders();
  failover_.Restore();
}

void Dispatcher::Reconfigure(const SendingQueueOptions& former) {
  const Turns::Turn turn(turns_);
  scheduler_.ForEach([&](Unit& unit) {
    // What still runs on a level that stays is waited for, not sent again.
    std::vector<UnitTrack> tracks(queue_.options.levels.size());
    for (size_t i = 0; i < tracks.size(); ++i) {
      if (const auto before = former.LevelNamed(queue_.options.levels[i].name)) {
        tracks[i].late = unit.tracks[*before].late;
      }
    }
    unit.tracks = std::move(tracks);
  });
  scheduler_.Unpark();
  scheduler_.BringBack(0);
  probes_.Reset();
  source_.Reconfigure();
  policy_.SetRules(RulesOf(queue_.options));
  outcomes_.Reconfigure();
  levels_.Build();
  backfills_.Build();
  failover_.Reconfigure();
  settler_.Reconfigure();
  turns_.WantDispatch();
}

// Of attempts whose outcome nobody will hear, all but one may be copies.
void Dispatcher::End() {
  failover_.End();
  flush_.Cancel();
  rest_.Cancel();
  ReleaseAll();
  scheduler_.ForEach([this](Unit& unit) { settler_.CountDuplicates(UnheardCopies(unit)); });
  scheduler_.Clear();
  backfills_.End();
}

void Dispatcher::Run() {
  const Turns::Turn turn(turns_);
  turns_.WantDispatch();
}

void Dispatcher::EndTurn() {
  while (turns_.dispatch_wanted() && owner_.life() != QueueLife::kClosing) {
    Dispatch();
  }
  failover_.CheckFailbackComplete();
  owner_.OnTurnEnd();
}

void Dispatcher::Dispatch() {
  while (turns_.TakeDispatch()) {
    const bool more = source_.Refresh();
    DispatchWaiting();
    probes_.Dispatch();
    DispatchFresh();
    if (more) {
      flush_ = queue_.home.RunAfter(Duration::zero(), [this] { Run(); });
    }
  }
  const routing::Router& router = failover_.router();
  backfills_.Pump([&](size_t level) {
    const bool well = router.Usable(level) && router.state(level) == routing::LevelState::kHealthy;
    return owner_.life() != QueueLife::kLeaving && (well || probes_.IsWanted(level));
  });
  levels_.DropIdle();
}

void Dispatcher::DispatchWaiting() {
  if (const auto next = scheduler_.EndRest(queue_.home.Now())) {
    rest_ = queue_.home.RunAt(*next, [this] { Run(); });
  }
  if (const uint64_t view = policy_.View(); view != view_) {
    view_ = view;
    scheduler_.Unpark();
  }
  scheduler_.ForEachReady([this](Unit& unit) {
    const UnitDecision decision = policy_.Place(unit);
    if (decision.step == UnitDecision::Step::kSend) {
      if (carrier_.MayGo(unit, *decision.level)) {
        carrier_.Send(unit, *decision.level);
      }
      return;
    }
    if (decision.step == UnitDecision::Step::kDrop &&
        decision.reason == journal::DropReason::kExpired) {
      unit.last_error =
          Unavailable("no level is usable: " + unit.last_error.message()).WithRetryable(true);
    }
    if (decision.step != UnitDecision::Step::kWait) {
      outcomes_.Apply(unit, decision);
    }
  });
  while (Unit* unit = scheduler_.ParkedBeyond(settler_.ParkedMax())) {
    settler_.Drop(*unit, journal::DropReason::kRejected);
  }
}

void Dispatcher::DispatchFresh() {
  flush_.Cancel();
  levels_.JudgeOverflow(failover_.router());
  while (const auto level = levels_.ForFresh(failover_.router())) {
    if (!carrier_.HasRoomForNew(*level)) {
      return;
    }
    // While it drains for the end of the process, or of the queue, nothing waits for company.
    Unit* unit = source_.Take(*level, /*flush=*/owner_.life() != QueueLife::kServing);
    if (unit == nullptr) {
      if (const auto at = source_.flush_at()) {
        flush_ = queue_.home.RunAfter(std::max(*at - queue_.home.WallNow(), Duration::zero()),
                                      [this] { Run(); });
      }
      return;
    }
    if (queue_.options.queue.batch && !queue_.options.queue.batch->processor.empty()) {
      queue_.stats.Merged(queue_.options.queue.batch->processor, source_.taken());
    }
    carrier_.Send(*unit, *level);
  }
}

void Dispatcher::OnUnitEnded(Unit& unit) {
  carrier_.AbandonProbe(unit);
  scheduler_.Remove(unit.id);
  owner_.OnUnitEnded();
  turns_.WantDispatch();
}

bool Dispatcher::StaysPending() const {
  return owner_.life() == QueueLife::kClosing ||
         (owner_.life() == QueueLife::kLeaving && queue_.journal.tier() != "memory");
}

bool Dispatcher::IsSending() {
  bool sending = backfills_.Sending();
  scheduler_.ForEach([&](const Unit& unit) { sending = sending || unit.level.has_value(); });
  return sending;
}

bool Dispatcher::DropRecord(journal::Position position, journal::DropReason reason,
                            const Status& status, bool even_sent) {
  const Turns::Turn turn(turns_);
  while (Unit* unit = scheduler_.HolderOf(position)) {
    if (unit->level && !even_sent) {
      return false;
    }
    if (unit->parts.size() > 1) {
      outcomes_.Apply(*unit, {.step = UnitDecision::Step::kCutToRecords});
      continue;
    }
    if (even_sent) {
      unit->last_error = status;
    }
    carrier_.Withdraw(*unit);
    settler_.Drop(*unit, reason);
  }
  source_.Drop(position, reason, status);
  return true;
}

// Hand-over: everything that the level has not settled waits for the best usable one.
void Dispatcher::TakeBack(size_t level) {
  const uint64_t items = carrier_.TakeBack(level);
  // What failed here was the level's fault, as it turns out.
  scheduler_.ForEach([level](Unit& unit) { unit.tracks[level].failures = 0; });
  const routing::Router& router = failover_.router();
  if (!router.down_by_refusal(level)) {
    outcomes_.ForgetDoubts(level);
  }
  backfills_.TakeBack(level);
  if (items > 0) {
    handed_over_items_ += items;
    queue_.stats.HandedOver(router.active(), items);
  }
  turns_.WantDispatch();
}

void Dispatcher::OnLevelBack(size_t level) {
  levels_.at(level).ForgetThrottle();
  backfills_.Wake(level);
  turns_.WantDispatch();
}

void Dispatcher::OnLevelLost(size_t level) {
  const routing::Router& router = failover_.router();
  if (router.state(level) != routing::LevelState::kHealthy) {
    const auto owed = backfills_.RepeatConfirmed(
        level, router.active() == level ? std::nullopt : router.active());
    if (!owed.empty()) {
      tracker_.Doubt(*backfills_.ReaderOf(level), owed);
    }
  }
}

void Dispatcher::OnActivated(bool better) {
  if (better) {
    source_.MarkLive();
  }
  turns_.WantDispatch();
}

void Dispatcher::Describe(QueueStatus& status) const {
  const routing::Router& router = failover_.router();
  status.active = router.active();
  status.active_since = queue_.home.Now() - failover_.activated();
  status.possible_duplicates = settler_.possible_duplicates();
  status.handed_over_items = handed_over_items_;
  status.backfilled_items = backfills_.delivered_items();
  for (size_t i = 0; i < levels_.size(); ++i) {
    status.levels.push_back({.name = levels_.at(i).name(),
                             .state = router.state(i),
                             .word = router.operator_override(i),
                             .since = queue_.home.Now() - router.since(i),
                             .last_error = router.last_error(i),
                             .delivered_items = outcomes_.delivered_items(i)});
  }
}

}  // namespace gapless::queue
