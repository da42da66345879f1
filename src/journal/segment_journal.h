// SegmentJournal: records are safe on disk before they are acknowledged.
//
// Format and recovery: docs/formats/journal.md. The home loop keeps the index and the book; one
// thread writes (write_queue.h), one reads (record_reader.h). With `sync` an acknowledged record
// survives power loss, without it kill -9. This class wires the parts and carries no duty of its
// own but the order of the end.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "io/executor.h"
#include "io/file_system.h"
#include "journal/appender.h"
#include "journal/budget.h"
#include "journal/checkpointer.h"
#include "journal/compactor.h"
#include "journal/journal.h"
#include "journal/record_reader.h"
#include "journal/recovered_journal.h"
#include "journal/room_maker.h"
#include "journal/segment_options.h"
#include "journal/segment_records.h"
#include "journal/write_queue.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::journal {

class SegmentJournal final : public Journal, private Checkpointer::Host {
 public:
  // The second step of opening (recovered_journal.h). The file system, `home` and the executors
  // outlive the journal. Called on the home loop.
  SegmentJournal(RecoveredJournal recovered, Loop& home);
  // Both steps: blocks for the recovery, and has its errors.
  static Result<std::unique_ptr<SegmentJournal>> Open(SegmentJournalOptions options,
                                                      io::FileSystem& fs, Loop& home);
  // Without Close: what is in flight may or may not be stored; its callbacks are dropped unfired.
  ~SegmentJournal() override;

  // Errors beside those of the interface: INVALID_ARGUMENT for metadata beyond 1 MiB.
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
  // At most kReleasedPerTurn records in this turn of the loop, the rest in later ones.
  void ForgetUnregisteredReaders() override;
  // At most a quarter of max_size is retained.
  void SetRetention(const RetentionLimits& limits) override;
  std::vector<Position> Retained(const RetainedQuery& query) const override;
  Amount OweRetained(ReaderId reader, Position position) override;
  Position head() const override { return appender_.head(); }
  const Ledger& ledger() const override { return records_.book().ledger(); }
  JournalStats stats() const override;
  std::string tier() const override;
  void SetUserState(std::string state) override;
  std::string user_state() const override { return user_state_; }
  void Close(std::move_only_function<void()> done) override;

 private:
  // The executors it was given, or threads of its own.
  class Threads {
   public:
    explicit Threads(const JournalExecutors& given);
    const JournalExecutors& operator*() const { return executors_; }
    const JournalExecutors* operator->() const { return &executors_; }

   private:
    JournalExecutors executors_;
    std::vector<std::unique_ptr<io::Executor>> own_;
  };

  std::string Snapshot(uint64_t sequence) override;
  std::vector<uint64_t> Releasable() override;
  void OnCheckpoint(const CheckpointResult& result) override;
  void OnGroup(bool readable);
  void ContinueClose();

  const SegmentJournalOptions options_;
  const std::unique_ptr<io::FileLock> lock_;
  const uint64_t journal_id_;
  std::string user_state_;
  std::move_only_function<void()> listener_;
  // Set while the journal closes; null again when the last task is on its way.
  std::move_only_function<void()> close_done_;
  bool closed_ = false;  // the last checkpoint is on its way
  BudgetCharge charge_;
  Threads threads_;
  WriteQueue queue_;
  SegmentRecords records_;
  Checkpointer checkpoints_;
  RoomMaker room_;
  Compactor compactor_;
  RecordReader reader_;
  Appender appender_;
  Lifetime lifetime_;
};

}  // namespace gapless::journal
