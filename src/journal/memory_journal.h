// MemoryJournal: records are safe while the process lives.
//
// Append, Read and Settle are O(1) but for the interval sets (O(log holes)); nothing is done per
// span. What is charged against the budget is the memory that a record keeps alive, whole receive
// slabs included; a record that would waste most of its slab is copied out of it.
#pragma once

#include "base/loop.h"
#include "base/retry_delay.h"
#include "journal/book.h"
#include "journal/budget.h"
#include "journal/journal.h"
#include "journal/position_table.h"
#include "journal/retained_records.h"

#include <cstdint>
#include <memory>
#include <string>

namespace gapless::journal {

struct MemoryOptions {
  // Shared by all memory journals; null: no limit.
  std::shared_ptr<Budget> budget = nullptr;
  // SetBackfillMaxSize(0): memory held by records that are only owed. Bytes.
  uint64_t backfill_max_size = uint64_t{64} << 20;
  // What a client is told to wait when there is no room.
  Duration retry_delay = kClientRetryDelay;
};

class MemoryJournal final : public Journal {
 public:
  // `home` outlives the journal.
  MemoryJournal(MemoryOptions options, Loop& home);

  // Errors: RESOURCE_EXHAUSTED with a delay when the budget has no room, after every debt was given
  // up.
  void Append(otlp::Batch batch, AppendCallback done) override;
  void SetListener(std::move_only_function<void()> on_readable) override;
  std::optional<RecordInfo> NextPending(Position from) const override;
  void Read(std::vector<Position> positions, ReadCallback done) override;
  void Settle(Position position, const Settlement& settlement,
              const std::vector<ReaderId>& owed) override;
  ReaderId RegisterReader(std::string_view name) override;
  std::optional<RecordInfo> NextOwed(ReaderId reader, Position from) const override;
  void SettleDebt(ReaderId reader, Position position, bool delivered) override;
  void SetBackfillMaxSize(uint64_t bytes) override;
  void ForgetUnregisteredReaders() override {}
  void SetRetention(const RetentionLimits& limits) override;
  std::vector<Position> Retained(const RetainedQuery& query) const override;
  Amount OweRetained(ReaderId reader, Position position) override;
  Position head() const override { return next_; }
  const Ledger& ledger() const override { return book_.ledger(); }
  JournalStats stats() const override;
  std::string tier() const override { return "memory"; }
  void SetUserState(std::string state) override { user_state_ = std::move(state); }
  std::string user_state() const override { return user_state_; }
  void Close(std::move_only_function<void()> done) override;

 private:
  struct Record {
    otlp::Batch batch;
    WallTime arrival;
    uint64_t charged = 0;
  };

  static RetainedSize SizeOf(const Record& record);
  // At most kReleasedPerTurn in one turn of the loop.
  void LimitDebts();
  bool Charge(uint64_t bytes);
  // Nobody needs it any more but, perhaps, retention.
  void Release(Position position, const Record& record);
  void Free(Position position, const Record& record);
  void GiveUpOldestDebt();
  RecordInfo InfoOf(Position position) const;

  MemoryOptions options_;
  Loop& home_;
  BudgetCharge charge_;
  Book book_;
  PositionTable<Record> records_;
  Position next_ = 1;
  uint64_t owed_charged_ = 0;
  uint64_t backfill_max_size_ = 0;
  RetainedRecords retained_;
  Timer debts_timer_;
  std::string user_state_;
  std::move_only_function<void()> listener_;
};

}  // namespace gapless::journal
