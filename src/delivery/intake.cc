// What comes in: room, what a full queue does, and requests whose client waits for the outcome.
#include "base/retry_delay.h"
#include "delivery/sending_queue.h"

#include <algorithm>

namespace gapless::delivery {
namespace {

// What requests that wait for room may hold in memory; more are refused as if nobody waited.
constexpr size_t kMaxBlockedBytes = size_t{32} << 20;
// What such a request holds beside its body: its stream, its answer.
constexpr size_t kBlockedOverhead = 4096;
// When a record that is just being tried is looked at again.
constexpr Duration kExpireAgain = std::chrono::seconds(1);
// How late a queue may notice that a client left who waits: for the outcome, or for room.
constexpr Duration kWatchInterval = std::chrono::milliseconds(50);

}  // namespace

void SendingQueue::Consume(otlp::Batch batch, pipeline::Completion completion) {
  GAPLESS_DCHECK(home_.InThread());
  if (!accepting_) {
    completion(Unavailable("shutting down").WithRetryAfter(kClientRetryDelay));
    return;
  }
  if (batch.items == 0) {
    completion(OkStatus());
    return;
  }
  if (options_.withdraw && !router_.active()) {
    completion(Unavailable("no level is usable").WithRetryAfter(kClientRetryDelay));
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
  const size_t holds = batch.body.held_bytes() + kBlockedOverhead;
  if (options_.queue.on_full == OnFull::kBlock && may_block_ &&
      (blocked_.empty() || blocked_bytes_ + holds <= kMaxBlockedBytes)) {
    return Block(std::move(batch), std::move(completion), holds);
  }
  stats_->EnqueueFailed(batch.items);
  failures_log_.Log(log_, telemetry::LogLevel::kError, home_.Now(),
                    "Exporting failed. Rejecting data.",
                    {{"error", "sending queue is full"}, {"rejected_items", batch.items}});
  completion(Unavailable("sending queue is full").WithRetryAfter(kClientRetryDelay));
}

void SendingQueue::Block(otlp::Batch batch, pipeline::Completion completion, size_t holds) {
  const auto context = batch.context;
  blocked_bytes_ += holds;
  blocked_.push_back({.batch = std::move(batch),
                      .completion = std::move(completion),
                      .deadline = {},
                      .holds = holds});
  if (!context) {
    return;
  }
  if (context->deadline) {
    blocked_.back().deadline = home_.RunAt(*context->deadline, [this] { ExpireBlocked(); });
  }
  WatchBlocked();
}

// Polled, as another thread knows who left.
void SendingQueue::WatchBlocked() {
  if (blocked_watch_.armed() || blocked_.empty()) {
    return;
  }
  blocked_watch_ = home_.RunAfter(kWatchInterval, [this] {
    ExpireBlocked();
    WatchBlocked();
  });
}

void SendingQueue::StopBlocking() {
  may_block_ = false;
  blocked_bytes_ = 0;
  for (Blocked& blocked : std::exchange(blocked_, {})) {
    blocked.completion(Unavailable("shutting down").WithRetryAfter(kClientRetryDelay));
  }
}

// Withdraws those whose client has given up waiting for room.
void SendingQueue::ExpireBlocked() {
  std::deque<Blocked> waiting;
  std::vector<std::pair<pipeline::Completion, Status>> gone;
  for (Blocked& blocked : std::exchange(blocked_, {})) {
    const auto& context = blocked.batch.context;
    if (context && context->cancelled) {
      gone.emplace_back(std::move(blocked.completion), Cancelled("the client left"));
    } else if (context && context->deadline && *context->deadline <= home_.Now()) {
      gone.emplace_back(std::move(blocked.completion), DeadlineExceeded("sending queue is full"));
    } else {
      waiting.push_back(std::move(blocked));
      continue;
    }
    blocked_bytes_ -= blocked.holds;
  }
  blocked_ = std::move(waiting);
  if (gone.empty()) {
    return;
  }
  for (auto& [completion, status] : gone) {
    completion(std::move(status));
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
  journal_->Append(std::move(batch), [this, items, bytes, kept = std::move(kept),
                                      completion = std::move(completion), config = config_epoch_,
                                      alive = alive_](Result<journal::Position> position) mutable {
    if (!*alive) {
      return;
    }
    --appending_;
    if (config != config_epoch_) {
      admission_.Add(items, bytes);  // Recount did not know of it
    }
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
  if (batch.context) {
    WatchClients();
  }
  if (const Duration longest = LongestSeries(); !options_.withdraw && longest > Duration::zero()) {
    waiter.deadline = home_.RunAfter(longest, [this, position] { Expire(position); });
  }
}

// A client that left takes its record along where the queue is off; otherwise the record stays, and
// only the receiver no longer holds the request. Polled, as another thread knows of it.
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
      if (options_.withdraw) {
        Withdraw(position, Cancelled("the client left"));
      } else if (const auto waiter = waiters_.find(position); waiter != waiters_.end()) {
        waiter->second.context = nullptr;
        std::exchange(waiter->second.completion,
                      pipeline::Completion([](const Status&) {}))(Cancelled("the client left"));
      }
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

void SendingQueue::AdmitBlocked() {
  while (!blocked_.empty()) {
    Blocked& first = blocked_.front();
    if (admission_.Judge(first.batch.items, first.batch.raw_size) == Admission::Verdict::kFull) {
      return;
    }
    Blocked next = std::move(first);
    blocked_.pop_front();
    blocked_bytes_ -= next.holds;
    next.deadline.Cancel();
    if (next.batch.context && next.batch.context->cancelled) {
      next.completion(Cancelled("the client left"));
      continue;
    }
    Admit(std::move(next.batch), std::move(next.completion));
  }
}

}  // namespace gapless::delivery
