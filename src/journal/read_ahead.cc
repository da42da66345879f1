#include "journal/read_ahead.h"

#include <utility>

namespace gapless::journal {

namespace {

// Below this much ready the next window is asked for; above the other, what is oldest is dropped.
constexpr uint64_t kReadyLow = uint64_t{2} << 20;
constexpr uint64_t kReadyMax = uint64_t{8} << 20;
constexpr size_t kStaleMax = 4096;

}  // namespace

ReadAhead::ReadAhead(Host& host, Loop& home, io::Executor& executor)
    : host_(host), home_(home), executor_(executor) {}

ReadAhead::~ReadAhead() = default;

// One more who waits: rare, so it costs the others nothing.
void ReadAhead::Wait(Slot& slot, Journal::ReadCallback done) {
  if (!slot.waiting) {
    slot.waiting = std::move(done);
    return;
  }
  slot.waiting = [first = std::move(slot.waiting),
                  second = std::move(done)](Result<otlp::Batch>&& batch) mutable {
    first(Result<otlp::Batch>(batch));
    second(std::move(batch));
  };
}

otlp::Batch ReadAhead::TakeReady(Position position, Slot& slot) {
  otlp::Batch batch = std::move(*slot.ready);
  slots_.Erase(position);
  --ready_;
  ready_bytes_ -= batch.body.size();
  return batch;
}

bool ReadAhead::IsReady(Position position) const {
  const Slot* slot = slots_.Find(position);
  return slot && slot->ready;
}

void ReadAhead::Read(Position position, Journal::ReadCallback done) {
  Slot* slot = slots_.Find(position);
  if (slot && slot->ready) {
    otlp::Batch batch = TakeReady(position, *slot);
    Continue();
    done(std::move(batch));
    return;
  }
  slot = slot ? slot : &slots_.Insert(position, {});
  Wait(*slot, std::move(done));
  if (!slot->requested) {
    Start(position);
  }
}

void ReadAhead::Forget(Position position) {
  if (Slot* slot = slots_.Find(position); slot && slot->ready) {
    TakeReady(position, *slot);
  }
}

void ReadAhead::Continue() {
  if (requested_ == 0 && next_window_ != 0 && ready_bytes_ < kReadyLow) {
    const std::optional<Position> next = host_.NextPendingPosition(next_window_);
    if (next && !slots_.Find(*next)) {
      Start(*next);
    }
  }
}

void ReadAhead::Start(Position position) {
  std::optional<ReadWindow> made = host_.WindowAt(position);
  if (!made) {
    // Settled between the question and the answer.
    if (Slot* slot = slots_.Find(position)) {
      Journal::ReadCallback waiting = std::move(slot->waiting);
      slots_.Erase(position);
      if (waiting) {
        waiting(NotFound("the record is settled"));
      }
    }
    return;
  }
  // What is ready or on its way already is not read twice.
  size_t count = 0;
  for (; count < made->items.size(); ++count) {
    const Position next = made->items[count].position;
    Slot* slot = slots_.Find(next);
    slot = slot ? slot : &slots_.Insert(next, {});
    if (slot->ready || slot->requested) {
      break;
    }
    slot->requested = true;
  }
  made->items.resize(count);
  requested_ += count;
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
  requested_ -= records.size();
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
    if (const Slot* slot = slots_.Find(position); slot && !slot->requested) {
      Start(position);
    }
  }
  Trim();
  Continue();
}

bool ReadAhead::Answer(const ReadWindow& window, ReadRecord& record) {
  const Position position = record.item.position;
  Slot& slot = *slots_.Find(position);
  slot.requested = false;
  if (!host_.IsCurrent(window, record.item)) {
    if (slot.waiting) {
      return false;
    }
    slots_.Erase(position);
    return true;
  }
  if (record.batch.ok() && !slot.waiting) {
    ++ready_;
    ready_bytes_ += record.batch->body.size();
    ready_order_.push_back(position);
    slot.ready = std::move(*record.batch);
    return true;
  }
  Journal::ReadCallback waiting = std::move(slot.waiting);
  slots_.Erase(position);
  if (!record.batch.ok()) {
    host_.OnDamaged(window, record.item, record.batch.status());
  }
  if (waiting) {
    waiting(std::move(record.batch));
  }
  return true;
}

void ReadAhead::Trim() {
  while (!ready_order_.empty() && (ready_bytes_ > kReadyMax || !IsReady(ready_order_.front()))) {
    Forget(ready_order_.front());
    ready_order_.pop_front();
  }
  if (ready_order_.size() > 2 * ready_ + kStaleMax) {
    std::erase_if(ready_order_, [this](Position position) { return !IsReady(position); });
  }
}

}  // namespace gapless::journal
