#include "queue/sending_queue.h"

#include "base/retry_delay.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

constexpr Duration kPublishInterval = std::chrono::milliseconds(500);
// A durable journal waits this long for attempts in flight when the process leaves.
constexpr Duration kDurableGrace = std::chrono::seconds(2);
// When a record that is just being tried is looked at again.
constexpr Duration kExpireAgain = std::chrono::seconds(1);

// Records that are given up in one turn.
constexpr size_t kLoseMax = 4096;

Status ShuttingDown() { return Unavailable("shutting down").WithRetryAfter(kClientRetryDelay); }

// max_elapsed_time of the most patient sender; zero: one waits for ever.
Duration LongestSeries(const SendingQueueOptions& options) {
  Duration longest{};
  for (const QueueLevel& level : options.levels) {
    for (const QueueLevel::Path& path : level.paths) {
      const sending::RetrySettings& retry = path.sender->settings().retry;
      if (retry.max_elapsed_time == Duration::zero()) {
        return Duration::zero();
      }
      longest = std::max(longest, retry.max_elapsed_time);
    }
  }
  return longest;
}

// Whether a processor behind the journal reads it.
bool WantsClientAddress(const SendingQueueOptions& options) {
  const auto wants = [](const auto& processor) { return processor->wants_client_address(); };
  return std::ranges::any_of(options.levels, [&](const QueueLevel& level) {
    return std::ranges::any_of(level.paths, [&](const QueueLevel::Path& path) {
      return std::ranges::any_of(path.processors, wants);
    });
  });
}

}  // namespace

SendingQueue::SendingQueue(Loop& home, std::unique_ptr<journal::Journal> journal,
                           SendingQueueOptions options, telemetry::Logger log,
                           std::unique_ptr<QueueStats> stats)
    : home_(home),
      journal_(std::move(journal)),
      options_(std::move(options)),
      log_(std::move(log)),
      stats_(std::move(stats)),
      context_{
          .home = home_, .journal = *journal_, .options = options_, .log = log_, .stats = *stats_},
      admission_(options_.queue),
      clients_(home_, {.withdraw =
                           [this](journal::Position position, const Status& status) {
                             dispatcher_.DropRecord(position, journal::DropReason::kWithdrawn,
                                                    status, /*even_sent=*/true);
                           },
                       .expire = [this](journal::Position position) { OnExpired(position); }}),
      blocked_(home_, [this] { AdmitBlocked(); }, {options_.memory, MemoryUse::kWaiting}),
      dispatcher_(context_, admission_, clients_, *this) {
  Recount();
  // The listener may be called at once, and a level that was down must not get anything by then.
  dispatcher_.Start();
  journal_->SetListener([this] { OnReadable(); });
  publish_ = home_.RunAfter(Duration::zero(), [this] { OnReadable(); });
}

void SendingQueue::Consume(otlp::Batch batch, pipeline::Completion completion) {
  GAPLESS_DCHECK(home_.InThread());
  if (life_ != QueueLife::kServing) {
    completion(ShuttingDown());
    return;
  }
  if (batch.items == 0) {
    completion(OkStatus());
    return;
  }
  if (options_.withdraw && !dispatcher_.failover().router().active()) {
    completion(Unavailable("no level is usable").WithRetryAfter(kClientRetryDelay));
    return;
  }
  const Turns::Turn turn(dispatcher_.turns());
  BlockedProducers::Request request{.batch = std::move(batch), .completion = std::move(completion)};
  if (blocked_.empty()) {
    Admit(std::move(request));
  } else {
    TurnAway(std::move(request));
  }
}

void SendingQueue::Admit(BlockedProducers::Request request) {
  if (!dispatcher_.source().AdmitGroup(request.batch)) {
    Refuse(std::move(request), "too many batcher metadata-value combinations");
    return;
  }
  switch (admission_.Judge(request.batch.items, request.batch.raw_size)) {
    case Admission::Verdict::kAdmit:
      Append(std::move(request));
      return;
    case Admission::Verdict::kNeverFits:
      stats_->EnqueueFailed(request.batch.items);
      request.completion(InvalidArgument("element size too large"));
      return;
    case Admission::Verdict::kFull:
      TurnAway(std::move(request));
      return;
  }
}

void SendingQueue::AdmitBlocked() {
  while (const otlp::Batch* next = blocked_.Next()) {
    if (admission_.Judge(next->items, next->raw_size) == Admission::Verdict::kFull) {
      return;
    }
    Admit(blocked_.Take());
  }
}

void SendingQueue::TurnAway(BlockedProducers::Request request) {
  if (options_.queue.on_full == sending::OnFull::kDropOldest) {
    DropOldestFor(request.batch);
    if (admission_.Judge(request.batch.items, request.batch.raw_size) ==
        Admission::Verdict::kAdmit) {
      Append(std::move(request));
      return;
    }
  }
  if (options_.queue.on_full == sending::OnFull::kBlock && blocked_.Add(request)) {
    return;
  }
  Refuse(std::move(request), "sending queue is full");
}

void SendingQueue::Refuse(BlockedProducers::Request request, std::string_view why) {
  stats_->EnqueueFailed(request.batch.items);
  dispatcher_.settler().failures_log().Log(
      log_, telemetry::LogLevel::kError, home_.Now(), "Exporting failed. Rejecting data.",
      {{"error", why}, {"rejected_items", request.batch.items}});
  request.completion(Unavailable(std::string(why)).WithRetryAfter(kClientRetryDelay));
}

void SendingQueue::DropOldestFor(const otlp::Batch& batch) {
  while (admission_.Judge(batch.items, batch.raw_size) == Admission::Verdict::kFull &&
         dispatcher_.source().DropOldest()) {
  }
}

void SendingQueue::Append(BlockedProducers::Request request) {
  admission_.Add(request.batch.items, request.batch.raw_size);
  ++appending_;
  if (WantsClientAddress(options_)) {
    request.batch = otlp::WithClientAddress(std::move(request.batch));
  }
  otlp::Batch kept = request.batch;
  journal_->Append(
      std::move(request.batch),
      lifetime_.Guard([this, kept = std::move(kept), completion = std::move(request.completion),
                       recounts = recounts_](Result<journal::Position> position) mutable {
        OnAppended(std::move(position), std::move(kept), std::move(completion), recounts);
      }));
}

void SendingQueue::OnAppended(Result<journal::Position> position, otlp::Batch batch,
                              pipeline::Completion completion, uint64_t recounts) {
  const Turns::Turn turn(dispatcher_.turns());
  --appending_;
  if (recounts != recounts_ && position.ok()) {
    admission_.Add(*position, batch.items, batch.raw_size);  // Recount did not know of it
  }
  if (!position.ok()) {
    if (recounts == recounts_) {
      admission_.Remove(batch.items, batch.raw_size);
    }
    stats_->EnqueueFailed(batch.items);
    completion(position.status());
    return;
  }
  stats_->Enqueued(batch.items, batch.raw_size);
  if (options_.ack == Ack::kStored) {
    completion(OkStatus());
    return;
  }
  clients_.Add(*position, batch.context, std::move(completion),
               {.withdraw = options_.withdraw, .longest = LongestSeries(options_)});
}

// wait_for_result: the series of a unit at a sender ends by itself; this is for what waits for a
// level.
void SendingQueue::OnExpired(journal::Position position) {
  if (!dispatcher_.DropRecord(position, journal::DropReason::kExpired,
                              Unavailable("no level took the data within max_elapsed_time"),
                              /*even_sent=*/false)) {
    clients_.ExpireAgain(position, kExpireAgain);
  }
}

void SendingQueue::StopBlocking() { blocked_.Refuse(ShuttingDown()); }

void SendingQueue::Recount() {
  ++recounts_;
  admission_ = Admission(options_.queue);
  admission_.Take(journal_->stats().pending, journal_->head());
  CountMore();
}

void SendingQueue::CountMore() {
  if (!admission_.Count(*journal_)) {
    count_ = home_.RunAfter(Duration::zero(), [this] {
      CountMore();
      AdmitBlocked();
    });
  }
}

void SendingQueue::OnReadable() {
  if (life_ == QueueLife::kClosing) {
    return;
  }
  dispatcher_.Run();
  if (!publish_.armed()) {
    publish_ = home_.RunAfter(kPublishInterval, [this] {
      stats_->Publish(status(), admission_, home_.WallNow());
      const bool idle = empty() && dispatcher_.failover().router().active() &&
                        journal_->stats().retained.requests == 0;
      if (!idle) {
        OnReadable();
      }
    });
  }
}

void SendingQueue::Reconfigure(SendingQueueOptions options) {
  const Turns::Turn turn(dispatcher_.turns());
  dispatcher_.ReleaseAll();
  const SendingQueueOptions former = std::exchange(options_, std::move(options));
  life_ = QueueLife::kServing;
  on_end_ = nullptr;
  Recount();
  dispatcher_.Reconfigure(former);
  AdmitBlocked();
  OnReadable();
}

void SendingQueue::Retire(std::move_only_function<void()> drained) {
  const Turns::Turn turn(dispatcher_.turns());
  life_ = QueueLife::kRetired;
  on_end_ = [drained = std::move(drained)](journal::Amount) mutable { drained(); };
  dispatcher_.settler().Finish();
  dispatcher_.Run();
}

void SendingQueue::Shutdown(TimePoint deadline,
                            std::move_only_function<void(journal::Amount)> done) {
  const Turns::Turn turn(dispatcher_.turns());
  life_ = QueueLife::kLeaving;
  StopBlocking();
  on_end_ = std::move(done);
  const bool durable = journal_->tier() != "memory";
  const TimePoint until = durable ? std::min(deadline, home_.Now() + kDurableGrace) : deadline;
  end_ = home_.RunAt(std::max(until, home_.Now()), [this] { Close(); });
  dispatcher_.settler().Finish();
  dispatcher_.Run();
}

void SendingQueue::CheckDrained() {
  if (life_ == QueueLife::kRetired) {
    // What is being written will be acknowledged, so it must be delivered.
    if (on_end_ && appending_ == 0 && empty() && !dispatcher_.backfills().Owing()) {
      journal_->SetRetention({});  // nobody asks for it any more
      std::exchange(on_end_, nullptr)({});
    }
  } else if (life_ == QueueLife::kLeaving &&
             (journal_->tier() == "memory" ? empty() : !dispatcher_.IsSending())) {
    life_ = QueueLife::kClosing;
    end_ = home_.RunAfter(Duration::zero(), [this] { Close(); });
  }
}

void SendingQueue::Close() {
  life_ = QueueLife::kClosing;
  count_.Cancel();
  publish_.Cancel();
  dispatcher_.End();
  journal::Amount left;
  if (journal_->tier() == "memory") {
    left = journal_->stats().pending;
    left.items = 0;
  }
  LoseWhatIsLeft(left);
}

// Pieces of a record may have arrived. What is in memory is lost, some records a turn.
void SendingQueue::LoseWhatIsLeft(journal::Amount left) {
  for (size_t i = 0; left.requests > 0 && i < kLoseMax; ++i) {
    const auto info = journal_->NextPending(0);
    if (!info) {
      break;
    }
    left.items += dispatcher_.tracker().Lose(info->position);
  }
  if (left.requests > 0 && !empty()) {
    end_ = home_.RunAfter(Duration::zero(), [this, left] { LoseWhatIsLeft(left); });
    return;
  }
  if (left.items > 0) {
    stats_->Dropped(journal::DropReason::kShutdown, left.items, OkStatus());
  }
  stats_->Publish(status(), admission_, home_.WallNow());
  clients_.Abandon();
  journal_->Close(lifetime_.Guard([this, left] {
    if (on_end_) {
      std::exchange(on_end_, nullptr)(left);
    }
  }));
}

void SendingQueue::SetOverride(size_t level, routing::Override word) {
  const Turns::Turn turn(dispatcher_.turns());
  dispatcher_.failover().Feed({.kind = routing::RouterEvent::Kind::kOperator,
                               .level = level,
                               .operator_override = word,
                               .error = {}});
}

void SendingQueue::Probe(size_t level, sending::AttemptCallback done) {
  dispatcher_.failover().Probe(level, std::move(done));
}

QueueStatus SendingQueue::status() const {
  QueueStatus status{.name = options_.name,
                     .signal = options_.signal,
                     .active = {},
                     .levels = {},
                     .ledger = journal_->ledger(),
                     .journal = journal_->stats()};
  dispatcher_.Describe(status);
  return status;
}

}  // namespace gapless::queue
