// In, settle, life. What is sent where: dispatch.cc; what the answers mean: outcomes.cc.
#include "delivery/sending_queue.h"

#include "delivery/path_client.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::delivery {
namespace {

// The delay that a client at the limit is asked to wait.
constexpr Duration kFullRetryDelay = std::chrono::seconds(1);
constexpr Duration kPublishInterval = std::chrono::milliseconds(500);
// A durable journal waits this long for attempts in flight when the process leaves.
constexpr Duration kExpireAgain = std::chrono::seconds(1);
// How late a queue that is off may notice that a client left.
constexpr Duration kWatchInterval = std::chrono::milliseconds(50);
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
  return {.batch = options.withdraw ? std::nullopt : options.queue.batch, .order = options.order};
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

void SendingQueue::Consume(otlp::Batch batch, pipeline::Completion completion) {
  GAPLESS_DCHECK(home_.InThread());
  if (!accepting_) {
    completion(Unavailable("shutting down").WithRetryAfter(kFullRetryDelay));
    return;
  }
  if (batch.items == 0) {
    completion(OkStatus());
    return;
  }
  if (options_.withdraw && !router_.active()) {
    completion(Unavailable("no level is usable").WithRetryAfter(kFullRetryDelay));
    return;
  }
  if (!blocked_.empty()) {
    OnFull(std::move(batch), std::move(completion));
    return;
  }
  Admit(std::move(batch), std::move(completion));
}

void SendingQueue::Admit(otlp::Batch batch, pipeline::Completion completion) {
  switch (admission_.Judge(batch.items, batch.raw_size)) {
    case Admission::Verdict::kAdmit:
      Append(std::move(batch), std::move(completion));
      return;
    case Admission::Verdict::kNeverFits:
      stats_->EnqueueFailed(batch.items);
      completion(InvalidArgument("element size too large"));
      return;
    case Admission::Verdict::kFull:
      OnFull(std::move(batch), std::move(completion));
      return;
  }
}

void SendingQueue::OnFull(otlp::Batch batch, pipeline::Completion completion) {
  if (options_.queue.on_full == OnFull::kDropOldest) {
    DropOldest(batch);
    if (admission_.Judge(batch.items, batch.raw_size) == Admission::Verdict::kAdmit) {
      Append(std::move(batch), std::move(completion));
      return;
    }
  }
  if (options_.queue.on_full == OnFull::kBlock) {
    blocked_.push_back(
        {.batch = std::move(batch), .completion = std::move(completion), .deadline = {}});
    const auto context = blocked_.back().batch.context;
    if (context && context->deadline) {
      blocked_.back().deadline = home_.RunAt(*context->deadline, [this] { ExpireBlocked(); });
    }
    return;
  }
  stats_->EnqueueFailed(batch.items);
  failures_log_.Log(log_, telemetry::LogLevel::kError, home_.Now(),
                    "Exporting failed. Rejecting data.",
                    {{"error", "sending queue is full"}, {"rejected_items", batch.items}});
  completion(Unavailable("sending queue is full").WithRetryAfter(kFullRetryDelay));
}

// Answers those whose client has given up waiting for room.
void SendingQueue::ExpireBlocked() {
  const auto expired = [now = home_.Now()](const Blocked& blocked) {
    const auto& context = blocked.batch.context;
    return context && context->deadline && *context->deadline <= now;
  };
  std::vector<pipeline::Completion> late;
  for (Blocked& blocked : blocked_) {
    if (expired(blocked)) {
      late.push_back(std::move(blocked.completion));
    }
  }
  std::erase_if(blocked_, expired);
  for (pipeline::Completion& completion : late) {
    completion(DeadlineExceeded("sending queue is full"));
  }
  AdmitBlocked();  // a smaller one behind them may fit
}

void SendingQueue::DropOldest(const otlp::Batch& batch) {
  backlog_.Refresh();
  while (admission_.Judge(batch.items, batch.raw_size) == Admission::Verdict::kFull) {
    const auto oldest = backlog_.TakeOldestWhole();
    if (!oldest) {
      return;  // the rest is on its way out
    }
    const UnitPart part{
        .position = oldest->position, .count = oldest->items, .bytes = oldest->bytes};
    journal::Settlement share;
    share.dropped[static_cast<size_t>(journal::DropReason::kOverflow)] = oldest->items;
    stats_->Dropped(journal::DropReason::kOverflow, oldest->items, OkStatus());
    BookPart(part, share, Unavailable("dropped: the sending queue was full"));
  }
}

void SendingQueue::Append(otlp::Batch batch, pipeline::Completion completion) {
  const uint32_t items = batch.items;
  const size_t bytes = batch.raw_size;
  admission_.Add(items, bytes);
  otlp::Batch kept = batch;
  ++appending_;
  journal_->Append(std::move(batch),
                   [this, items, bytes, kept = std::move(kept), completion = std::move(completion),
                    alive = alive_](Result<journal::Position> position) mutable {
                     if (!*alive) {
                       return;
                     }
                     --appending_;
                     if (!position.ok()) {
                       admission_.Remove(items, bytes);
                       stats_->EnqueueFailed(items);
                       completion(position.status());
                       CheckDrained();
                       return;
                     }
                     stats_->Enqueued(items, bytes);
                     if (options_.ack == Ack::kStored) {
                       completion(OkStatus());
                     } else {
                       AwaitSettlement(*position, kept, std::move(completion));
                     }
                   });
}

void SendingQueue::AwaitSettlement(journal::Position position, const otlp::Batch& batch,
                                   pipeline::Completion completion) {
  Waiter& waiter = waiters_[position];
  waiter.completion = std::move(completion);
  waiter.context = batch.context;
  if (options_.withdraw && batch.context && batch.context->deadline) {
    waiter.deadline = home_.RunAt(*batch.context->deadline, [this, position] {
      Withdraw(position, DeadlineExceeded("the client's deadline passed"));
    });
  }
  if (options_.withdraw) {
    WatchClients();
  }
  if (const Duration longest = LongestSeries(); !options_.withdraw && longest > Duration::zero()) {
    waiter.deadline = home_.RunAfter(longest, [this, position] { Expire(position); });
  }
}

// Queue off: a client that left takes its record along. Polled, as another thread knows of it.
void SendingQueue::WatchClients() {
  if (watch_.armed()) {
    return;
  }
  watch_ = home_.RunAfter(kWatchInterval, [this] {
    std::vector<journal::Position> gone;
    for (const auto& [position, waiter] : waiters_) {
      if (waiter.context && waiter.context->cancelled) {
        gone.push_back(position);
      }
    }
    for (const journal::Position position : gone) {
      Withdraw(position, Cancelled("the client left"));
    }
    if (!waiters_.empty()) {
      WatchClients();
    }
  });
}

// max_elapsed_time of the most patient sender; zero: one waits for ever.
Duration SendingQueue::LongestSeries() const {
  Duration longest{};
  for (const QueueLevel& level : options_.levels) {
    for (const QueueLevel::Path& path : level.paths) {
      const RetrySettings& retry = path.sender->settings().retry;
      if (retry.max_elapsed_time == Duration::zero()) {
        return Duration::zero();
      }
      longest = std::max(longest, retry.max_elapsed_time);
    }
  }
  return longest;
}

// wait_for_result: the series of a unit at a sender ends by itself; this is for what waits for a
// level.
void SendingQueue::Expire(journal::Position position) {
  const auto holds = [position](const auto& entry) {
    const auto& parts = entry.second.parts;
    return std::ranges::find(parts, position, &UnitPart::position) != parts.end();
  };
  for (auto it = std::ranges::find_if(units_, holds); it != units_.end();
       it = std::ranges::find_if(units_, holds)) {
    if (it->second.level) {
      waiters_[position].deadline =
          home_.RunAfter(kExpireAgain, [this, position] { Expire(position); });
      return;
    }
    if (it->second.parts.size() > 1) {
      std::erase(returned_, it->first);
      CutToRecords(it->second);
      continue;
    }
    Drop(it->second, journal::DropReason::kExpired);
  }
  BookUnsent(position, journal::DropReason::kExpired,
             Unavailable("no level took the data within max_elapsed_time"));
}

// Queue off: the client is gone, so the record goes with it. Its unit has this record alone.
void SendingQueue::Withdraw(journal::Position position, Status status) {
  std::vector<uint64_t> ids;
  for (const auto& [id, unit] : units_) {
    if (unit.parts.front().position == position) {
      ids.push_back(id);
    }
  }
  for (const uint64_t id : ids) {
    Unit& unit = units_.at(id);
    unit.last_error = status;
    ReleasePaths(unit);
    Drop(unit, journal::DropReason::kWithdrawn);
  }
  BookUnsent(position, journal::DropReason::kWithdrawn, status);
}

// Drops a record that no unit holds.
void SendingQueue::BookUnsent(journal::Position position, journal::DropReason reason,
                              const Status& verdict) {
  const auto info = journal_->NextPending(position);
  const bool held = info && info->position == position;  // else the journal gave it up: damaged
  if (!held || !backlog_.Remove(position)) {
    return;
  }
  journal::Settlement share;
  share.dropped[static_cast<size_t>(reason)] = info->items;
  stats_->Dropped(reason, info->items, verdict);
  BookPart({.position = position, .count = info->items, .bytes = info->bytes}, share, verdict);
}

// A record is cut: its pieces are booked one by one.
void SendingQueue::Open(journal::Position position) {
  if (records_.contains(position)) {
    return;
  }
  const auto info = journal_->NextPending(position);
  if (info && info->position == position) {
    records_.emplace(position,
                     OpenRecord{.items = info->items, .bytes = info->bytes, .settlement = {}});
  }
}

// The journal gave the record up itself (damaged).
void SendingQueue::Forget(const UnitPart& part) {
  if (part.whole) {
    admission_.Remove(part.count, part.bytes);
  } else if (auto record = records_.extract(part.position)) {
    admission_.Remove(record.mapped().items, record.mapped().bytes);
  }
  if (auto waiter = waiters_.extract(part.position)) {
    waiter.mapped().completion(DataLoss("the record is damaged"));
  }
}

void SendingQueue::Recount() {
  admission_ = Admission(options_.queue);
  for (auto info = journal_->NextPending(0); info;
       info = journal_->NextPending(info->position + 1)) {
    admission_.Add(info->items, info->bytes);
  }
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
      if (!empty() || !router_.active()) {
        OnReadable();
      }
    });
  }
}

// Distributes what became of a unit over its records: refused items (partial success) are taken
// from the front, as nobody tells which they were.
void SendingQueue::BookUnit(const Unit& unit, uint64_t filtered, uint64_t refused,
                            std::optional<size_t> by) {
  const std::vector<journal::ReaderId> owed = OwedOf(unit, by);
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.filtered = static_cast<uint32_t>(std::min<uint64_t>(part.count, filtered));
    filtered -= share.filtered;
    const auto lost =
        static_cast<uint32_t>(std::min<uint64_t>(part.count - share.filtered, refused));
    refused -= lost;
    share.dropped[static_cast<size_t>(journal::DropReason::kPartialSuccess)] = lost;
    share.delivered = part.count - share.filtered - lost;
    BookPart(part, share, OkStatus(), owed, by);
  }
}

void SendingQueue::BookDrop(const Unit& unit, journal::DropReason reason, const Status& verdict) {
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.dropped[static_cast<size_t>(reason)] = part.count;
    BookPart(part, share, verdict);
  }
}

void SendingQueue::BookPart(const UnitPart& part, const journal::Settlement& share,
                            const Status& verdict, const std::vector<journal::ReaderId>& owed,
                            std::optional<size_t> by) {
  OpenRecord whole{.items = part.count, .bytes = part.bytes, .settlement = {}};
  const auto cut = part.whole ? records_.end() : records_.find(part.position);
  if (!part.whole && cut == records_.end()) {
    return;  // another piece was damaged, and the journal gave the record up
  }
  OpenRecord& record = part.whole ? whole : cut->second;
  NoteDebt(record, part, owed, by);
  record.booked += part.count;
  record.settlement.delivered += share.delivered;
  record.settlement.filtered += share.filtered;
  for (size_t i = 0; i < journal::kDropReasons; ++i) {
    record.settlement.dropped[i] += share.dropped[i];
  }
  if (const auto waiter = waiters_.find(part.position); waiter != waiters_.end() && !verdict.ok()) {
    waiter->second.verdict = verdict;
  }
  if (record.booked < record.items) {
    return;
  }
  const OpenRecord done = std::move(record);
  if (!part.whole) {
    records_.erase(cut);
  }
  admission_.Remove(done.items, done.bytes);
  SettleRecord(part.position, done);
  if (auto waiter = waiters_.extract(part.position)) {
    waiter.mapped().completion(waiter.mapped().verdict);
  }
}

void SendingQueue::AdmitBlocked() {
  while (!blocked_.empty()) {
    Blocked& first = blocked_.front();
    if (admission_.Judge(first.batch.items, first.batch.raw_size) == Admission::Verdict::kFull) {
      return;
    }
    Blocked next = std::move(first);
    blocked_.pop_front();
    next.deadline.Cancel();
    Admit(std::move(next.batch), std::move(next.completion));
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
  for (Blocked& blocked : blocked_) {
    blocked.completion(Unavailable("shutting down"));
  }
  blocked_.clear();
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
  const bool durable = !retiring_ && journal_->tier() != "memory";
  const bool in_flight =
      std::ranges::any_of(units_, [](const auto& entry) { return entry.second.level.has_value(); });
  if (empty() || (durable && !in_flight)) {
    shutdown_ = home_.RunAfter(Duration::zero(), [this] { FinishShutdown(); });
    closing_ = true;
  }
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
