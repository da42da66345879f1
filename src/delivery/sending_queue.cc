// The queue's life: levels, changes of the configuration, the end.
#include "delivery/sending_queue.h"

#include "delivery/path_client.h"

#include <algorithm>

namespace gapless::delivery {
namespace {

constexpr Duration kPublishInterval = std::chrono::milliseconds(500);
// A durable journal waits this long for attempts in flight when the process leaves.
constexpr Duration kDurableGrace = std::chrono::seconds(2);

RouterConfig WithLevels(RouterConfig config, const std::vector<QueueLevel>& levels) {
  config.levels.clear();
  for (const QueueLevel& level : levels) {
    config.levels.push_back({.name = level.name, .members = level.paths.size()});
  }
  return config;
}

}  // namespace

Backlog::Options SendingQueue::BacklogOptionsOf(const SendingQueueOptions& options) {
  // A request that fails over inside the client's call is never merged with another's.
  // Nor does it wait for another one: its client decides what goes first.
  return {.batch = options.withdraw ? std::nullopt : options.queue.batch,
          .order = options.withdraw ? Order::kArrival : options.order};
}

SendingQueue::SendingQueue(Loop& home, std::unique_ptr<journal::Journal> journal,
                           SendingQueueOptions options, telemetry::Logger log,
                           std::unique_ptr<QueueStats> stats, uint64_t seed)
    : home_(home),
      journal_(std::move(journal)),
      options_(std::move(options)),
      log_(std::move(log)),
      stats_(std::move(stats)),
      rng_(seed),
      router_(WithLevels(options_.router, options_.levels), home.Now()),
      admission_(options_.queue),
      backlog_(*journal_, BacklogOptionsOf(options_)),
      dead_letter_(home_, [this](uint64_t unit, journal::DropReason reason, bool stored) {
        OnBuried(unit, reason, stored);
      }) {
  dead_letter_.SetTarget(options_.dead_letter);
  activated_ = home_.Now();
  start_ = journal_->head();
  BuildLevels();
  BuildBackfills();
  BuildHealthChecks();
  journal_->ForgetUnregisteredReaders();
  Recount();
  // The listener may be called at once, and a level that was down must not get anything by then.
  for (const RouterAction& action : router_.Restore(journal_->user_state(), home_.Now())) {
    Act(action);
  }
  journal_->SetListener([this] { OnReadable(); });
  ArmTick();
  publish_ = home_.RunAfter(Duration::zero(), [this] { OnReadable(); });
}

SendingQueue::~SendingQueue() { *alive_ = false; }

void SendingQueue::BuildLevels() {
  std::vector<QueueStats::Level> named;
  levels_.clear();
  for (size_t i = 0; i < options_.levels.size(); ++i) {
    LevelRuntime level;
    QueueStats::Level& names = named.emplace_back();
    names.name = options_.levels[i].name;
    for (size_t j = 0; j < options_.levels[i].paths.size(); ++j) {
      level.paths.push_back(std::make_unique<PathClient>(*this, i, j, options_.levels[i]));
      names.exporters.push_back(options_.levels[i].paths[j].sender->labels());
    }
    levels_.push_back(std::move(level));
  }
  stats_->SetLevels(named);
}

void SendingQueue::OnReadable() {
  if (closing_) {
    return;
  }
  backlog_.Refresh();
  Dispatch();
  if (!publish_.armed()) {
    publish_ = home_.RunAfter(kPublishInterval, [this] {
      stats_->Publish(status(), admission_, home_.WallNow());
      if (!empty() || !router_.active() || journal_->stats().retained.requests > 0) {
        OnReadable();
      }
    });
  }
}

void SendingQueue::Reconfigure(SendingQueueOptions options) {
  for (auto& [id, unit] : units_) {
    if (unit.level) {
      ReleasePaths(unit);
      unit.trial = false;
      unit.level.reset();
      returned_.push_back(id);
    }
    // What still runs on a level that stays is waited for, not sent again.
    std::vector<UnitTrack> tracks(options.levels.size());
    for (size_t i = 0; i < tracks.size(); ++i) {
      if (const auto before = LevelNamed(options.levels[i].name)) {
        tracks[i].late = unit.tracks[*before].late;
      }
    }
    unit.tracks = std::move(tracks);
  }
  std::ranges::sort(returned_);
  for (LevelRuntime& level : levels_) {
    for (auto& path : level.paths) {
      path->Detach();
      old_paths_.push_back(std::move(path));
    }
  }
  options_ = std::move(options);
  ++config_epoch_;
  trial_wanted_.reset();
  Recount();
  backlog_.SetOptions(BacklogOptionsOf(options_));
  BuildLevels();
  BuildBackfills();
  accepting_ = true;
  retiring_ = false;
  on_shutdown_ = nullptr;
  for (const RouterAction& action :
       router_.Reconfigure(WithLevels(options_.router, options_.levels), home_.Now())) {
    Act(action);
  }
  ArmTick();
  BuildHealthChecks();
  TellRouterOfHealth();
  dead_letter_.SetTarget(options_.dead_letter);
  AdmitBlocked();
  OnReadable();
}

void SendingQueue::Retire(std::move_only_function<void()> done) {
  accepting_ = false;
  retiring_ = true;
  on_shutdown_ = [done = std::move(done)](journal::Amount) mutable { done(); };
  dead_letter_.Finish();
  Dispatch();
  CheckDrained();
}

void SendingQueue::Shutdown(TimePoint deadline,
                            std::move_only_function<void(journal::Amount)> done) {
  accepting_ = false;
  retiring_ = false;
  StopBlocking();
  on_shutdown_ = std::move(done);
  const bool durable = journal_->tier() != "memory";
  const TimePoint until = durable ? std::min(deadline, home_.Now() + kDurableGrace) : deadline;
  shutdown_ = home_.RunAt(std::max(until, home_.Now()), [this] { FinishShutdown(); });
  dead_letter_.Finish();
  Dispatch();
  CheckDrained();
}

void SendingQueue::CheckDrained() {
  if (!on_shutdown_ || closing_) {
    return;
  }
  if (retiring_ && appending_ > 0) {
    return;  // what is being written will be acknowledged, so it must be delivered
  }
  const bool durable = journal_->tier() != "memory";
  const bool owing = !backfills_.empty() && journal_->stats().owed.requests > 0;
  const bool done = retiring_ ? empty() && !owing : durable ? !IsSending() : empty();
  if (done && retiring_) {
    journal_->SetRetention({});  // nobody asks for it any more
  }
  if (done) {
    shutdown_ = home_.RunAfter(Duration::zero(), [this] { FinishShutdown(); });
    closing_ = true;
  }
}

bool SendingQueue::IsSending() const {
  return std::ranges::any_of(units_,
                             [](const auto& entry) { return entry.second.level.has_value(); }) ||
         std::ranges::any_of(backfills_,
                             [](const auto& backfill) { return backfill->under_way() > 0; });
}

void SendingQueue::FinishShutdown() {
  closing_ = true;
  for (Timer* timer : {&tick_, &flush_, &retry_, &publish_}) {
    timer->Cancel();
  }
  journal::Amount left;
  std::vector<uint64_t> ids;
  for (const auto& [id, unit] : units_) {
    ids.push_back(id);
  }
  for (const uint64_t id : ids) {
    Unit& unit = units_.at(id);
    ReleasePaths(unit);
    CountDuplicates(unit.items * (unit.copies - std::min<uint32_t>(unit.copies, 1)));
  }
  EndBackfills();
  health_checks_.clear();
  if (journal_->tier() == "memory") {
    left = journal_->stats().pending;
    left.items = 0;
    for (auto info = journal_->NextPending(0); info; info = journal_->NextPending(0)) {
      // Pieces of a record may have arrived.
      Open(info->position);
      const OpenRecord& record = records_.at(info->position);
      journal::Settlement lost = record.settlement;
      lost.dropped[static_cast<size_t>(journal::DropReason::kShutdown)] =
          record.items - record.booked;
      left.items += record.items - record.booked;
      journal_->Settle(info->position, lost);
    }
    if (left.items > 0) {
      stats_->Dropped(journal::DropReason::kShutdown, left.items, OkStatus());
    }
  }
  units_.clear();
  returned_.clear();
  stats_->Publish(status(), admission_, home_.WallNow());
  auto waiters = std::move(waiters_);
  waiters.clear();  // each answers UNAVAILABLE
  journal_->SetUserState(router_.Save());
  journal_->Close([this, left, alive = alive_] {
    if (*alive && on_shutdown_) {
      std::exchange(on_shutdown_, nullptr)(left);
    }
  });
}

QueueStatus SendingQueue::status() const {
  QueueStatus status{.name = options_.name,
                     .signal = options_.signal,
                     .active = router_.active(),
                     .active_since = home_.Now() - activated_,
                     .levels = {},
                     .ledger = journal_->ledger(),
                     .journal = journal_->stats(),
                     .possible_duplicates = possible_duplicates_,
                     .handed_over_items = handed_over_items_};
  for (const auto& backfill : backfills_) {
    status.backfilled_items += backfill->delivered_items();
  }
  for (size_t i = 0; i < levels_.size(); ++i) {
    status.levels.push_back({.name = options_.levels[i].name,
                             .state = router_.state(i),
                             .word = router_.override_word(i),
                             .since = home_.Now() - router_.since(i),
                             .last_error = router_.last_error(i),
                             .delivered_items = levels_[i].delivered_items});
  }
  return status;
}

}  // namespace gapless::delivery
