// Processes begin and end: in good order, by kill -9, with the power; and a queue that leaves the
// configuration and returns.
#include "journal/memory_journal.h"
#include "tests/sim/backend_life.h"
#include "tests/sim/between.h"

#include <algorithm>
#include <utility>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A process that dies in one of the next disk calls does so within this time, or right then.
constexpr Duration kDiesWithin = milliseconds(300);
constexpr uint64_t kCallsMax = 25;
// About so many a start needs.
constexpr uint64_t kStartCallsMax = 60;

}  // namespace

queue::SendingQueueOptions BackendLife::Options() {
  queue::SendingQueueOptions options;
  options.name = "failover/sim";
  options.signal = otlp::Signal::kLogs;
  options.is_failover = features_.many_levels;
  options.queue = settings_.queue;
  options.max_interval = settings_.retry.max_interval;
  options.ack = ack_;
  options.withdraw = features_.queue_off;
  options.order = order_;
  options.router = router_;
  for (const Level& level : levels_) {
    queue::QueueLevel made{.name = level.name, .paths = {}};
    for (const auto& sender : level.senders) {
      made.paths.push_back({.processors = {}, .sender = sender});
    }
    options.levels.push_back(std::move(made));
  }
  return options;
}

Result<std::unique_ptr<journal::Journal>> BackendLife::OpenJournal() {
  auto budget =
      memory_limit_ == UINT64_MAX ? nullptr : std::make_shared<journal::Budget>(memory_limit_);
  if (features_.queue_off) {  // then nobody is promised anything that must outlive the process
    return std::unique_ptr<journal::Journal>(std::make_unique<journal::MemoryJournal>(
        journal::MemoryOptions{.budget = std::move(budget)}, clock_));
  }
  storage_.memory_budget = std::move(budget);
  ASSIGN_OR_RETURN(std::unique_ptr<journal::SegmentJournal> journal, disk_.Open(storage_, clock_));
  return std::unique_ptr<journal::Journal>(std::move(journal));
}

bool BackendLife::TryStart() {
  auto journal = OpenJournal();
  if (!journal.ok()) {
    Tell("the process cannot start: " + journal.status().ToString());
    if (!disk_.in_trouble()) {
      Complain("the process cannot start: " + journal.status().ToString());
    }
    return false;
  }
  ++lives_;
  queue_ = std::make_unique<queue::SendingQueue>(
      clock_, std::move(*journal), Options(), log_.logger(),
      std::make_unique<queue::QueueStats>(
          registry_, queue::QueueStats::Identity{.name = "failover/" + std::to_string(lives_),
                                                 .signal = otlp::Signal::kLogs,
                                                 .is_failover = features_.many_levels}));
  return true;
}

// Somebody starts it every second.
void BackendLife::Start() {
  if (features_.read_error && lives_ > 0 && act_rng_.Chance(0.5)) {
    disk_until_ = loop_.Now() + seconds(1);
    disk_.FailCall(1 + act_rng_.Below(kStartCallsMax), Unavailable("Input/output error"));
    Tell("fault: a disk call of the start fails");
  }
  while (!TryStart() && complaints_.empty()) {
    Advance(seconds(1));
    EndFaults(loop_.Now());
  }
}

// What the next process cannot know of this one; its senders go with it.
void BackendLife::OnProcessGone(TimePoint written_down) {
  possible_duplicates_ += queue_->status().possible_duplicates;
  queue_.reset();
  deliveries_.OnProcessEnd(written_down);
  level_watch_.Forget();
  end_retired_.Cancel();
  queue_ends_ = retired_ = false;
  return_at_.reset();
  for (Level& level : levels_) {
    level.senders.clear();
    for (const auto& peer : level.peers) {
      level.senders.push_back(MakeSender(peer));
    }
  }
}

void BackendLife::Restart() {
  Tell("shutdown and start");
  const TimePoint written_down = std::min(disk_.WrittenDownUntil(), loop_.Now());
  bool ended = false;
  queue_->Shutdown(loop_.Now() + seconds(5), [&ended](journal::Amount) { ended = true; });
  Advance(seconds(6));
  if (!ended && !disk_.in_trouble()) {
    Complain("shutdown has not ended");
  }
  OnProcessGone(written_down);
  disk_.EndProcess();
  Advance(Between(act_rng_, milliseconds(10), seconds(3)));
  Start();
}

void BackendLife::Die(io::CrashKind kind) {
  const bool in_a_call = act_rng_.Chance(0.7);
  if (in_a_call) {
    disk_.DieInCall(1 + act_rng_.Below(kCallsMax));
    for (const TimePoint end = loop_.Now() + kDiesWithin; !disk_.dead() && loop_.Now() < end;) {
      Advance(milliseconds(1));
    }
  }
  Tell(std::string(kind == io::CrashKind::kProcess ? "kill -9" : "power loss") +
       (disk_.dead() ? " in a disk call" : ""));
  const bool power = kind != io::CrashKind::kProcess;
  const bool forgotten = (power && features_.unsynced) || features_.queue_off;
  const TimePoint closed_at = retired_ ? retired_until_ : TimePoint::max();
  OnProcessGone(forgotten ? TimePoint::min() : std::min(closed_at, disk_.WrittenDownUntil()));
  disk_.Crash(kind);
  if (power && killed_) {
    // A start takes over what the process before had written and not yet synced. Nobody was
    // promised that it survives.
    oracle_.Permit(journal::DropReason::kDamaged);
  }
  killed_ |= !power;
  if (power && features_.unsynced) {
    lost_power_ = true;
    oracle_.ForgetAcknowledged(Groups());
  }
  Advance(Between(act_rng_, milliseconds(10), seconds(3)));
  Start();
}

void BackendLife::Retire() {
  Tell("the queue leaves the configuration");
  return_at_ = loop_.Now() + Between(act_rng_, milliseconds(10), seconds(20));
  // Whoever owns it ends it a moment after it said that it is drained.
  queue_->Retire([this] {
    end_retired_ = loop_.RunAfter(Between(act_rng_, milliseconds(0), milliseconds(5)), [this] {
      queue_ends_ = true;
      queue_->Shutdown(loop_.Now(), [this](journal::Amount) {
        retired_ = true;
        retired_until_ = disk_.WrittenDownUntil();
      });
    });
  });
}

// Adopted while it still delivers, or made anew over what its journal has left.
void BackendLife::Return() {
  return_at_.reset();
  Tell(retired_ ? "the queue returns, it had ended" : "the queue returns");
  if (!queue_ends_) {
    end_retired_.Cancel();
    level_watch_.Excuse(loop_.Now());
    progress_at_ = loop_.Now();
    queue_->Reconfigure(Options());
    return;
  }
  for (const TimePoint end = loop_.Now() + seconds(30); !retired_ && loop_.Now() < end;) {
    Advance(milliseconds(10));
  }
  if (!retired_ && !disk_.in_trouble()) {
    Complain("the journal of the retired queue is not closed");
  }
  OnProcessGone(std::min(retired_until_, disk_.WrittenDownUntil()));
  disk_.EndProcess();
  Start();
}

}  // namespace gapless::sim
