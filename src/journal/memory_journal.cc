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
    if (!book_.debts().Oldest()) {
      return false;
    }
    GiveUpOldestDebt();
  }
  charged_ += bytes;
  return true;
}

void MemoryJournal::Release(Position position, const Record& record) {
  charged_ -= record.charged;
  if (account_) {
    account_->Release(record.charged);
  }
  records_.Erase(position);
}

void MemoryJournal::GiveUpOldestDebt() {
  const Position position = *book_.debts().Oldest();
  const Record& record = *records_.Find(position);
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
  const Record& record = *records_.Find(position);
  if (book_.Settle(position, Book::AmountOf(record.batch), settlement, owed)) {
    Release(position, record);
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

void MemoryJournal::SettleDebt(ReaderId reader, Position position) {
  const Record* record = records_.Find(position);
  if (record && book_.SettleDebt(reader, position, Book::AmountOf(record->batch))) {
    owed_charged_ -= record->charged;
    Release(position, *record);
  }
}

JournalStats MemoryJournal::stats() const {
  JournalStats stats{.pending = book_.ledger().pending,
                     .owed = book_.owed(),
                     .debts_given_up = book_.given_up(),
                     .oldest = std::nullopt,
                     .memory_bytes = charged_};
  if (const auto first = NextPending(0)) {
    stats.oldest = first->arrival;
  }
  return stats;
}

void MemoryJournal::Close(std::move_only_function<void()> done) { done(); }

}  // namespace gapless::journal
