#include "journal/segment_records.h"

#include "base/check.h"

namespace gapless::journal {

RecordInfo FoundRecords::InfoOf(Position position) const {
  const StoredRecord record = *index.Find(position);
  return {.position = position,
          .arrival = WallTime(Duration(record.arrival_ns)),
          .items = record.items,
          .bytes = record.raw_size,
          .lanes = record.lanes,
          .metadata = metadata.Get(record.metadata)};
}

RetainedSize RetainedSizeOf(const StoredRecord& record) {
  return {.amount = record.amount(), .bytes = record.size + RecordIndex::kBytesPerRecord};
}

SegmentRecords::SegmentRecords(FoundRecords found, uint64_t cache_size, BudgetCharge& charge,
                               Loop& home, OnReleased on_released)
    : found_(std::move(found)),
      charge_(charge),
      home_(home),
      on_released_(std::move(on_released)),
      recent_(cache_size, charge),
      retained_(std::move(found_.retained), home, [this](Position position) {
        const StoredRecord record = *found_.index.Find(position);
        found_.index.CountRetained(record, false);
        Free(position, record);
        return RetainedSizeOf(record);
      }) {
  charge_.Force(found_.index.size() * RecordIndex::kBytesPerRecord + found_.metadata.bytes());
}

MetadataTable::Id SegmentRecords::HoldMetadata(const std::string& encoded, otlp::Batch& batch) {
  const uint64_t before = found_.metadata.bytes();
  const MetadataTable::Id id = found_.metadata.Hold(encoded, batch.metadata);
  charge_.Force(found_.metadata.bytes() - before);
  batch.metadata = found_.metadata.Get(id);
  return id;
}

void SegmentRecords::LetGoMetadata(MetadataTable::Id id) {
  const uint64_t before = found_.metadata.bytes();
  found_.metadata.LetGo(id);
  charge_.Release(before - found_.metadata.bytes());
}

void SegmentRecords::Accept(Arrival arrival, Segment& segment, uint64_t offset, uint64_t size) {
  const otlp::Batch& batch = arrival.batch;
  found_.index.Insert(arrival.position,
                      {.segment = &segment,
                       .offset = offset,
                       .size = size,
                       .raw_size = batch.raw_size,
                       .arrival_ns = arrival.arrival_ns,
                       .items = batch.items,
                       .lanes = batch.lanes,
                       .metadata = arrival.metadata},
                      /*moved=*/false);
  found_.book.Accept(arrival.position, Book::AmountOf(batch));
  recent_.Put(arrival.position, std::move(arrival.batch),
              arrival.charged - RecordIndex::kBytesPerRecord, found_.book.pending().size() == 1,
              home_.Now());
}

void SegmentRecords::Abandon(const Arrival& arrival) {
  charge_.Release(arrival.charged);
  LetGoMetadata(arrival.metadata);
}

bool SegmentRecords::Settle(Position position, const Settlement& settlement,
                            const std::vector<ReaderId>& owed) {
  if (!found_.book.IsPending(position)) {
    return false;
  }
  const StoredRecord record = *found_.index.Find(position);
  if (settlement.delivered > 0) {
    retained_.Note(position, settlement.by);
  }
  if (found_.book.Settle(position, record.amount(), settlement, owed)) {
    Release(position, record);
  } else {
    found_.owed_bytes += record.size;
    recent_.Drop(position);  // it is wanted again after the outage
  }
  return true;
}

bool SegmentRecords::SettleDebt(ReaderId reader, Position position, bool delivered) {
  const std::optional<StoredRecord> record = found_.index.Find(position);
  if (!record) {
    return false;
  }
  if (delivered && found_.book.IsOwed(position)) {
    retained_.Note(position, ReaderBit(reader));
  }
  if (found_.book.SettleDebt(reader, position, record->amount())) {
    found_.owed_bytes -= record->size;
    Release(position, *record);
  }
  return true;
}

Amount SegmentRecords::OweRetained(ReaderId reader, Position position) {
  const std::optional<StoredRecord> record = found_.index.Find(position);
  if (!record || found_.book.IsPending(position) ||
      !found_.book.Owe(reader, position, record->amount())) {
    return {};
  }
  if (retained_.TakeBack(position, RetainedSizeOf(*record))) {
    found_.index.CountRetained(*record, false);
    found_.owed_bytes += record->size;
  }
  return record->amount();
}

std::optional<RecordInfo> SegmentRecords::NextPending(Position from) const {
  const std::optional<Position> position = found_.book.pending().FirstAtLeast(from);
  return position ? std::optional(found_.InfoOf(*position)) : std::nullopt;
}

std::optional<RecordInfo> SegmentRecords::NextOwed(ReaderId reader, Position from) const {
  const std::optional<Position> position = found_.book.debts().Next(reader, from);
  return position ? std::optional(found_.InfoOf(*position)) : std::nullopt;
}

bool SegmentRecords::GiveUpOldestDebt() {
  const std::optional<Position> position = found_.book.debts().Oldest();
  if (position) {
    GiveUpDebts(*position, *found_.index.Find(*position));
  }
  return position.has_value();
}

void SegmentRecords::GiveUpDebts(Position position, const StoredRecord& record) {
  GAPLESS_CHECK(found_.owed_bytes >= record.size);
  found_.owed_bytes -= record.size;
  found_.book.GiveUpDebt(position, record.amount());
  Release(position, record);
}

bool SegmentRecords::GiveUpUnregistered() {
  const std::optional<Position> position = found_.book.mutable_debts().TakeUnregistered();
  if (!position) {
    return false;
  }
  const StoredRecord record = *found_.index.Find(*position);
  if (found_.book.DebtVanished(*position, record.amount())) {
    found_.owed_bytes -= record.size;
    Release(*position, record);
  }
  return true;
}

void SegmentRecords::Lose(Position position) {
  const StoredRecord record = *found_.index.Find(position);
  const bool kept = retained_.TakeBack(position, RetainedSizeOf(record));
  retained_.Forget(position);
  if (kept) {
    found_.index.CountRetained(record, false);
    Free(position, record);
  } else if (found_.book.Drop(position, record.amount(), DropReason::kDamaged)) {
    Release(position, record);
  } else {
    GiveUpDebts(position, record);
  }
}

void SegmentRecords::OnRead(Position position) {
  if (found_.book.IsPending(position)) {
    recent_.OnRead(position, home_.Now());
  }
}

void SegmentRecords::Release(Position position, const StoredRecord& record) {
  recent_.Drop(position);
  if (retained_.Keep(position, RetainedSizeOf(record))) {
    found_.index.CountRetained(record, true);
    retained_.Limit();
  } else {
    Free(position, record);
  }
}

void SegmentRecords::Free(Position position, const StoredRecord& record) {
  found_.index.Erase(position);
  charge_.Release(RecordIndex::kBytesPerRecord);
  LetGoMetadata(record.metadata);
  on_released_(position);
}

}  // namespace gapless::journal
