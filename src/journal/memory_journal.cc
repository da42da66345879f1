#include "journal/memory_journal.h"

#include "journal/held_memory.h"

#include <utility>

namespace gapless::journal {

MemoryJournal::MemoryJournal(MemoryOptions options, Loop& home)
    : options_(std::move(options)),
      home_(home),
      charge_(options_.budget),
      backfill_max_size_(options_.backfill_max_size),
      retained_({}, home, [this](Position position) {
        const Record& record = *records_.Find(position);
        const RetainedSize size = SizeOf(record);
        Free(position, record);
        return size;
      }) {}

RetainedSize MemoryJournal::SizeOf(const Record& record) {
  return {.amount = Book::AmountOf(record.batch), .bytes = record.charged};
}

void MemoryJournal::Append(otlp::Batch batch, AppendCallback done) {
  CopyOutOfWastedSlabs(batch);
  batch.lanes = batch.lanes != 0 ? batch.lanes : otlp::kAllLanes;
  const uint64_t held = HeldBytes(batch);
  if (!Charge(held)) {
    done(NoMemoryLeft("the journal").WithRetryAfter(options_.retry_delay));
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
  while (!charge_.Try(bytes)) {
    if (retained_.LetGoOldest()) {
      continue;
    }
    if (!book_.debts().Oldest()) {
      return false;
    }
    GiveUpOldestDebt();
  }
  return true;
}

void MemoryJournal::Release(Position position, const Record& record) {
  if (retained_.Keep(position, SizeOf(record))) {
    retained_.Limit();
  } else {
    Free(position, record);
  }
}

void MemoryJournal::Free(Position position, const Record& record) {
  charge_.Release(record.charged);
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
    retained_.Note(position, settlement.by);
  }
  if (book_.Settle(position, Book::AmountOf(record.batch), settlement, owed)) {
    Release(position, record);
    return;
  }
  owed_charged_ += record.charged;
  LimitDebts();
}

void MemoryJournal::LimitDebts() {
  for (size_t i = 0; owed_charged_ > backfill_max_size_; ++i) {
    if (i == kReleasedPerTurn) {
      debts_timer_ = home_.RunAfter(Duration::zero(), [this] { LimitDebts(); });
      return;
    }
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
    retained_.Note(position, ReaderBit(reader));
  }
  if (record && book_.SettleDebt(reader, position, Book::AmountOf(record->batch))) {
    owed_charged_ -= record->charged;
    Release(position, *record);
  }
}

void MemoryJournal::SetRetention(const RetentionLimits& limits) { retained_.SetLimits(limits); }

std::vector<Position> MemoryJournal::Retained(const RetainedQuery& query) const {
  return ToPositions(retained_.retention().Find(query));
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
  if (retained_.TakeBack(position, SizeOf(*record))) {
    owed_charged_ += record->charged;
    LimitDebts();
  }
  return amount;
}

JournalStats MemoryJournal::stats() const {
  JournalStats stats{.pending = book_.ledger().pending,
                     .owed = book_.owed(),
                     .debts_given_up = book_.given_up(),
                     .oldest = std::nullopt,
                     .retained = retained_.kept().amount,
                     .retained_since = retained_.retention().complete_since(),
                     .memory_bytes = charge_.bytes()};
  if (const auto first = NextPending(0)) {
    stats.oldest = first->arrival;
  }
  return stats;
}

void MemoryJournal::Close(std::move_only_function<void()> done) {
  retained_.Stop();
  done();
}

}  // namespace gapless::journal
