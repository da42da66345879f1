#include "journal/memory_journal.h"

#include "journal/held_memory.h"

#include <utility>

namespace gapless::journal {

MemoryJournal::MemoryJournal(MemoryOptions options, Loop& home)
    : options_(std::move(options)),
      home_(home),
      account_(options_.budget ? options_.budget->Open() : nullptr),
      backfill_max_size_(options_.backfill_max_size) {}

void MemoryJournal::Append(otlp::Batch batch, AppendCallback done) {
  CopyOutOfWastedSlabs(batch);
  batch.lanes = batch.lanes != 0 ? batch.lanes : otlp::kAllLanes;
  const uint64_t held = HeldBytes(batch);
  if (!Charge(held)) {
    done(ResourceExhausted("the journal has no memory left").WithRetryAfter(options_.retry_delay));
    return;
  }
  const Position position = next_++;
  book_.Accept(position, Book::AmountOf(batch));
  records_.Insert(position,
                  {.batch = std::move(batch), .arrival = home_.WallNow(), .charged = held});
  done(position);
  if (listener_) {
    listener_();
  }
}

bool MemoryJournal::Charge(uint64_t bytes) {
  while (account_ && !account_->TryCharge(bytes)) {
    if (const auto held = retention_.Pop()) {
      LetGo(*held);
    } else if (book_.debts().Oldest()) {
      GiveUpOldestDebt();
    } else {
      return false;
    }
  }
  charged_ += bytes;
  return true;
}

void MemoryJournal::Release(Position position, Record& record) {
  if (record.holds > 0) {
    record.retained = true;
    retained_ += Book::AmountOf(record.batch);
    retained_charged_ += record.charged;
    return;
  }
  charged_ -= record.charged;
  if (account_) {
    account_->Release(record.charged);
  }
  records_.Erase(position);
}

void MemoryJournal::GiveUpOldestDebt() {
  const Position position = *book_.debts().Oldest();
  Record& record = *records_.Find(position);
  book_.GiveUpDebt(position, Book::AmountOf(record.batch));
  owed_charged_ -= record.charged;
  Release(position, record);
}

void MemoryJournal::SetListener(std::move_only_function<void()> on_readable) {
  listener_ = std::move(on_readable);
  if (listener_ && !book_.pending().empty()) {
    listener_();
  }
}

RecordInfo MemoryJournal::InfoOf(Position position) const {
  const Record& record = *records_.Find(position);
  return {.position = position,
          .arrival = record.arrival,
          .items = record.batch.items,
          .bytes = record.batch.raw_size,
          .lanes = record.batch.lanes,
          .metadata = record.batch.metadata};
}

std::optional<RecordInfo> MemoryJournal::NextPending(Position from) const {
  const std::optional<Position> position = book_.pending().FirstAtLeast(from);
  return position ? std::optional(InfoOf(*position)) : std::nullopt;
}

void MemoryJournal::Read(std::vector<Position> positions, ReadCallback done) {
  std::vector<Result<otlp::Batch>> batches;
  batches.reserve(positions.size());
  for (const Position position : positions) {
    if (const Record* record = records_.Find(position)) {
      batches.emplace_back(record->batch);
    } else {
      batches.emplace_back(NotFound("the record is settled"));
    }
  }
  done(std::move(batches));
}

void MemoryJournal::Settle(Position position, const Settlement& settlement,
                           const std::vector<ReaderId>& owed) {
  if (!book_.IsPending(position)) {
    return;
  }
  Record& record = *records_.Find(position);
  if (settlement.delivered > 0) {
    Note(position, settlement.by);
  }
  if (book_.Settle(position, Book::AmountOf(record.batch), settlement, owed)) {
    Release(position, record);
    LimitRetained();
    return;
  }
  owed_charged_ += record.charged;
  LimitDebts();
}

void MemoryJournal::LimitDebts() {
  while (owed_charged_ > backfill_max_size_) {
    GiveUpOldestDebt();
  }
}

void MemoryJournal::SetBackfillMaxSize(uint64_t bytes) {
  backfill_max_size_ = bytes > 0 ? bytes : options_.backfill_max_size;
  LimitDebts();
}

ReaderId MemoryJournal::RegisterReader(std::string_view name) {
  return book_.mutable_debts().Register(name);
}

std::optional<RecordInfo> MemoryJournal::NextOwed(ReaderId reader, Position from) const {
  const std::optional<Position> position = book_.debts().Next(reader, from);
  return position ? std::optional(InfoOf(*position)) : std::nullopt;
}

void MemoryJournal::SettleDebt(ReaderId reader, Position position, bool delivered) {
  Record* record = records_.Find(position);
  if (record && delivered && book_.IsOwed(position)) {
    Note(position, ReaderBit(reader));
  }
  if (record && book_.SettleDebt(reader, position, Book::AmountOf(record->batch))) {
    owed_charged_ -= record->charged;
    Release(position, *record);
    LimitRetained();
  }
}

void MemoryJournal::SetRetention(const RetentionLimits& limits) {
  retention_.SetTime(limits.on() ? limits.time : Duration::zero(), home_.WallNow());
  retention_bytes_ = limits.on() ? limits.bytes : 0;
  LimitRetained();
  ReleaseDue();
}

std::vector<Position> MemoryJournal::Retained(const RetainedQuery& query) const {
  return ToPositions(retention_.Find(query));
}

Amount MemoryJournal::OweRetained(ReaderId reader, Position position) {
  Record* record = records_.Find(position);
  if (!record || book_.IsPending(position)) {
    return {};
  }
  const Amount amount = Book::AmountOf(record->batch);
  if (!book_.Owe(reader, position, amount)) {
    return {};
  }
  if (std::exchange(record->retained, false)) {
    retained_ -= amount;
    retained_charged_ -= record->charged;
    owed_charged_ += record->charged;
    LimitDebts();
  }
  return amount;
}

void MemoryJournal::Note(Position position, uint64_t by) {
  if (retention_.on() && retention_.Note(position, by, home_.WallNow())) {
    ++records_.Find(position)->holds;
    if (!retention_timer_.armed()) {
      ReleaseDue();
    }
  }
}

// One hold less.
void MemoryJournal::LetGo(Position position) {
  Record& record = *records_.Find(position);
  if (--record.holds == 0 && record.retained) {
    retained_ -= Book::AmountOf(record.batch);
    retained_charged_ -= record.charged;
    Release(position, record);
  }
}

void MemoryJournal::LimitRetained() {
  while (retained_charged_ > retention_bytes_) {
    LetGo(*retention_.Pop());
  }
}

// What is due, a part per turn.
void MemoryJournal::ReleaseDue() {
  std::optional<Position> held;
  for (size_t i = 0; i < kReleasedPerTurn && (held = retention_.PopDue(home_.WallNow())); ++i) {
    LetGo(*held);
  }
  if (const auto due = retention_.due()) {
    retention_timer_ = home_.RunAfter(held ? Duration::zero() : UntilDue(*due, home_.WallNow()),
                                      [this] { ReleaseDue(); });
  }
}

JournalStats MemoryJournal::stats() const {
  JournalStats stats{.pending = book_.ledger().pending,
                     .owed = book_.owed(),
                     .debts_given_up = book_.given_up(),
                     .oldest = std::nullopt,
                     .retained = retained_,
                     .retained_since = retention_.complete_since(),
                     .memory_bytes = charged_};
  if (const auto first = NextPending(0)) {
    stats.oldest = first->arrival;
  }
  return stats;
}

void MemoryJournal::Close(std::move_only_function<void()> done) {
  retention_timer_.Cancel();
  done();
}

}  // namespace gapless::journal
