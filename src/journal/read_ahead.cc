#include "journal/read_ahead.h"

#include <utility>

namespace gapless::journal {

namespace {

// Below this much ready the next window is asked for; above the other, what is oldest is dropped.
constexpr uint64_t kReadyLow = uint64_t{2} << 20;
constexpr uint64_t kReadyMax = uint64_t{8} << 20;

}  // namespace

ReadAhead::ReadAhead(Host& host, Loop& home, io::Executor& executor)
    : host_(host), home_(home), executor_(executor) {}

ReadAhead::~ReadAhead() = default;

void ReadAhead::Read(Position position, Journal::ReadCallback done) {
  const auto it = ready_.find(position);
  if (it != ready_.end()) {
    otlp::Batch batch = std::move(it->second);
    ready_bytes_ -= batch.body.size();
    ready_.erase(it);
    Continue();
    done(std::move(batch));
    return;
  }
  waiting_[position].push_back(std::move(done));
  if (!requested_.contains(position)) {
    Start(position);
  }
}

void ReadAhead::Forget(Position position) {
  const auto it = ready_.find(position);
  if (it != ready_.end()) {
    ready_bytes_ -= it->second.body.size();
    ready_.erase(it);
  }
}

void ReadAhead::Continue() {
  if (requested_.empty() && next_window_ != 0 && ready_bytes_ < kReadyLow) {
    const std::optional<Position> next = host_.NextPendingPosition(next_window_);
    if (next && !ready_.contains(*next)) {
      Start(*next);
    }
  }
}

void ReadAhead::Start(Position position) {
  std::optional<ReadWindow> made = host_.WindowAt(position);
  if (!made) {
    // Settled between the question and the answer.
    auto waiting = waiting_.extract(position);
    for (Journal::ReadCallback& done : waiting.mapped()) {
      done(NotFound("the record is settled"));
    }
    return;
  }
  // What is ready or on its way already is not read twice.
  size_t count = 1;
  while (count < made->items.size() && !ready_.contains(made->items[count].position) &&
         !requested_.contains(made->items[count].position)) {
    ++count;
  }
  made->items.resize(count);
  for (const ReadItem& item : made->items) {
    requested_.insert(item.position);
  }
  next_window_ = made->items.back().position + 1;
  auto window = std::make_shared<const ReadWindow>(std::move(*made));
  executor_.Post(
      [this, &home = home_, window = std::move(window), alive = std::weak_ptr(alive_)]() mutable {
        std::vector<ReadRecord> records = ReadRecords(*window, true);
        home.Post([this, window = std::move(window), records = std::move(records),
                   alive = std::move(alive)]() mutable {
          if (!alive.expired()) {
            OnRead(window, std::move(records));
          }
        });
      });
}

void ReadAhead::OnRead(const Window& window, std::vector<ReadRecord> records) {
  const std::weak_ptr<bool> alive = alive_;
  for (const ReadRecord& record : records) {
    requested_.erase(record.item.position);
  }
  std::vector<Position> again;
  for (ReadRecord& record : records) {
    if (!Answer(*window, record)) {
      again.push_back(record.item.position);
    }
    if (alive.expired()) {
      return;
    }
  }
  for (const Position position : again) {
    if (!requested_.contains(position)) {
      Start(position);
    }
  }
  Trim();
  Continue();
}

bool ReadAhead::Answer(const ReadWindow& window, ReadRecord& record) {
  const Position position = record.item.position;
  if (!host_.IsCurrent(window, record.item)) {
    return !waiting_.contains(position);
  }
  std::vector<Journal::ReadCallback> callbacks;
  if (const auto it = waiting_.find(position); it != waiting_.end()) {
    callbacks = std::move(it->second);
    waiting_.erase(it);
  }
  if (!record.batch.ok()) {
    host_.OnDamaged(window, record.item, record.batch.status());
  } else if (callbacks.empty()) {
    ready_bytes_ += record.batch->body.size();
    ready_.insert_or_assign(position, std::move(*record.batch));
    return true;
  }
  for (Journal::ReadCallback& done : callbacks) {
    done(Result<otlp::Batch>(record.batch));
  }
  return true;
}

void ReadAhead::Trim() {
  while (ready_bytes_ > kReadyMax) {
    ready_bytes_ -= ready_.begin()->second.body.size();
    ready_.erase(ready_.begin());
  }
}

}  // namespace gapless::journal
