// SegmentRecords: the records of a durable journal on its home loop: who needs which (book), where
// each lies (index), which stay in memory, and what all of them charge.
//
// No I/O. Every change of what is held goes through here, so that these agree. A record is held
// while it is pending, owed or retained. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/book.h"
#include "journal/budget.h"
#include "journal/metadata_table.h"
#include "journal/recent_records.h"
#include "journal/record_index.h"
#include "journal/retained_records.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gapless::journal {

// A value: what a start found.
struct FoundRecords {
  Book book;
  RecordIndex index;
  MetadataTable metadata;
  uint64_t owed_bytes = 0;  // on disk
  RetainedState retained;   // empty while the journal is only looked at

  RecordInfo InfoOf(Position position) const;
};

// What a record counts while it is kept for retention alone.
RetainedSize RetainedSizeOf(const StoredRecord& record);

class SegmentRecords {
 public:
  // A record on its way to the disk.
  struct Arrival {
    Position position = 0;
    otlp::Batch batch;
    int64_t arrival_ns = 0;
    MetadataTable::Id metadata = 0;
    uint64_t charged = 0;  // RecordIndex::kBytesPerRecord of it for the index
  };
  using OnReleased = std::move_only_function<void(Position)>;

  // `cache_size`: bytes of records that stay in memory. `on_released`: nobody needs the record.
  // `charge` and `home` outlive it.
  SegmentRecords(FoundRecords found, uint64_t cache_size, BudgetCharge& charge, Loop& home,
                 OnReleased on_released);

  // The batch is about to be written: its metadata is shared with those of other records, and
  // charged for once.
  MetadataTable::Id HoldMetadata(const std::string& encoded, otlp::Batch& batch);
  // It was written, and lies there.
  void Accept(Arrival arrival, Segment& segment, uint64_t offset, uint64_t size);
  // It was not.
  void Abandon(const Arrival& arrival);

  // As those of Journal. True if something changed.
  bool Settle(Position position, const Settlement& settlement, const std::vector<ReaderId>& owed);
  bool SettleDebt(ReaderId reader, Position position, bool delivered);
  Amount OweRetained(ReaderId reader, Position position);
  std::optional<RecordInfo> NextPending(Position from) const;
  std::optional<RecordInfo> NextOwed(ReaderId reader, Position from) const;

  // False: there is none.
  bool GiveUpOldestDebt();
  // One record that is owed to a reader that nobody registered. False: there is none.
  bool GiveUpUnregistered();
  // Its bytes are damaged.
  void Lose(Position position);
  // A part of what takes memory and can be read again, or is not needed. False: there is none.
  bool FreeMemory() { return retained_.LetGoOldest() || recent_.DropOne(); }
  void OnRead(Position position);

  const Book& book() const { return found_.book; }
  ReaderId RegisterReader(std::string_view name) {
    return found_.book.mutable_debts().Register(name);
  }
  RecordIndex& index() { return found_.index; }
  const MetadataTable& metadata() const { return found_.metadata; }
  const RecentRecords& recent() const { return recent_; }
  RetainedRecords& retained() { return retained_; }
  const RetainedRecords& retained() const { return retained_; }
  uint64_t owed_bytes() const { return found_.owed_bytes; }

 private:
  void LetGoMetadata(MetadataTable::Id id);
  void GiveUpDebts(Position position, const StoredRecord& record);
  // Nobody needs it any more but, perhaps, retention.
  void Release(Position position, const StoredRecord& record);
  void Free(Position position, const StoredRecord& record);

  FoundRecords found_;
  BudgetCharge& charge_;
  Loop& home_;
  OnReleased on_released_;
  RecentRecords recent_;
  RetainedRecords retained_;
};

}  // namespace gapless::journal
