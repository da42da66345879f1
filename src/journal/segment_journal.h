// SegmentJournal: records are safe on disk before they are acknowledged.
//
// Format and recovery: docs/formats/journal.md. The home loop keeps the index and the book; one
// thread writes (segment_writer.h), one reads (read_records.h). With `sync` an acknowledged record
// survives power loss, without it kill -9.
#pragma once

#include "base/loop.h"
#include "io/executor.h"
#include "io/file_system.h"
#include "io/inbox.h"
#include "journal/book.h"
#include "journal/journal.h"
#include "journal/position_table.h"
#include "journal/read_ahead.h"
#include "journal/recovered_journal.h"
#include "journal/retention.h"
#include "journal/segment_options.h"
#include "journal/segment_writer.h"
#include "telemetry/log.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::journal {

class SegmentJournal final : public Journal, private ReadAhead::Host {
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
  void ForgetUnregisteredReaders() override;
  // At most a quarter of max_size is retained.
  void SetRetention(const RetentionLimits& limits) override;
  std::vector<Position> Retained(const RetainedQuery& query) const override;
  Amount OweRetained(ReaderId reader, Position position) override;
  Position head() const override { return next_position_; }
  const Ledger& ledger() const override { return book_.ledger(); }
  JournalStats stats() const override;
  std::string tier() const override;
  void SetUserState(std::string state) override;
  std::string user_state() const override { return user_state_; }
  void Close(std::move_only_function<void()> done) override;

 private:
  // What the writer's thread works on; outlives the journal while a task runs.
  struct WriterSide {
    WriterSide(SegmentWriterOptions options, RecoveredJournal& recovered);
    SegmentWriter segments;
    const std::unique_ptr<CheckpointWriter> checkpoints;
    io::Inbox<WriteRequest> inbox;
    std::vector<WriteRequest> waiting;  // out of the inbox, not yet written
    std::atomic<bool> abandoned = false;
  };
  struct Segment {
    SegmentHeader header;
    std::shared_ptr<io::File> file;
    std::string path;
    uint64_t capacity = 0;
    uint64_t live_records = 0;  // pending or owed
    uint64_t live_bytes = 0;
    uint64_t retained_records = 0;  // that nobody else needs
    Position first = UINT64_MAX;    // of the records that were not moved here
    Position last = 0;
    std::vector<Position> moved_here;
    bool sealed = false;
    std::optional<TimePoint> sparse_since;
    bool keep = false;  // not to be emptied by moving: a record of it could not be read
  };
  // Memory charged for one of these with its place in the tables.
  static constexpr uint64_t kIndexBytes = 192;
  struct Entry {
    Segment* segment = nullptr;
    uint64_t offset = 0;
    uint64_t size = 0;  // in the segment
    uint64_t raw_size = 0;
    int64_t arrival_ns = 0;
    uint32_t items = 0;
    uint32_t holds : 31 = 0;    // of retention
    bool retained : 1 = false;  // nothing else needs it
    uint64_t lanes = 0;
    std::shared_ptr<const otlp::Metadata> metadata;
  };
  struct InFlight {
    Position position = 0;
    otlp::Batch batch;
    int64_t arrival_ns = 0;
    uint64_t charged = 0;
    AppendCallback done;
    bool again = false;
  };
  struct Again {
    otlp::Batch batch;
    AppendCallback done;
  };
  struct Cached {
    otlp::Batch batch;
    uint64_t charged = 0;
  };

  void AdoptRecovered(Recovered& recovered);

  // Appending (segment_journal.cc).
  // `again`: once there was no room for it, and space was freed since.
  void AppendOnce(otlp::Batch batch, AppendCallback done, bool again);
  Status Admit(const otlp::Batch& batch, uint64_t charge);
  void WakeWriter();
  static void WriteNext(SegmentJournal* journal, Loop& home, io::Executor& writer,
                        const std::shared_ptr<WriterSide>& side, const std::weak_ptr<bool>& alive);
  void OnWritten(GroupResult result);
  void OnRecordWritten(const Written& written, InFlight& record);
  // False: what is retained made no room.
  bool MakeRoom(const Status& failure, bool opened);
  void Cache(Position position, otlp::Batch batch, uint64_t charged);
  void Uncache(Position position);
  void DropCached(std::map<Position, Cached>::iterator it);
  std::shared_ptr<const otlp::Metadata> Intern(const std::string& encoded,
                                               std::shared_ptr<const otlp::Metadata> metadata);
  bool Charge(uint64_t bytes);
  void Uncharge(uint64_t bytes);
  // Metadata that many records share is charged for once.
  void Hold(const otlp::Metadata* metadata);
  void LetGo(const otlp::Metadata* metadata);

  // Records (segment_records.cc).
  static Amount AmountOf(const Entry& entry) { return {1, entry.items, entry.raw_size}; }
  RecordInfo InfoOf(Position position) const;
  void AddToSegment(Segment& segment, Position position, uint64_t size, bool moved);
  void Release(Position position);
  void LimitDebts();
  void GiveUpOldestDebt();
  void GiveUpDebts(uint64_t bytes);

  // Retention (segment_retention.cc).
  void Note(Position position, uint64_t by);
  void CountRetained(Entry& entry, bool retained);
  bool LetGoOldest();
  void EndHold(Position position);
  void LimitRetained();
  void ReleaseDue();
  // False: nothing is retained that could make room.
  bool GiveUpRetained(uint64_t bytes);
  void AppendAgain();

  // ReadAhead::Host (segment_records.cc).
  std::optional<Result<otlp::Batch>> AtOnce(Position position) override;
  ReadWindow WindowAt(Position position) override;
  std::optional<Position> NextPendingPosition(Position from) override;
  bool IsCurrent(const ReadWindow& window, const ReadItem& item) override;
  void OnDamaged(const ReadWindow& window, const ReadItem& item, const Status& status) override;
  void OnUnreadable(const ReadWindow& window, const Status& status) override;

  // Checkpoints, space, the end (segment_upkeep.cc).
  void MarkDirty();
  void WriteCheckpoint();
  // `trim`: call Release once more when it is quiet.
  void OnCheckpoint(const Status& status, const std::vector<uint64_t>& released,
                    uint64_t disk_bytes, bool trim);
  std::string Snapshot() const;
  std::vector<uint64_t> ReleasableSegments() const;
  void MaybeCompact();
  Segment* FindSparseSegment();
  std::vector<ReadItem> HeldRecordsOf(const Segment& segment) const;
  void OnCompactionRead(const ReadWindow& window, std::vector<ReadRecord> records);
  void OnRecordMoved(const Written& written);
  void ContinueClose();

  const SegmentJournalOptions options_;
  io::FileSystem& fs_;
  Loop& home_;
  const std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<Budget::Account> memory_account_;
  uint64_t journal_id_ = 0;

  Book book_;
  PositionTable<Entry> index_;
  std::map<uint64_t, Segment> segments_;  // by sequence
  Position next_position_ = 1;
  Position counted_ = 1;  // appends below it are finished
  std::deque<InFlight> in_flight_;
  uint64_t in_flight_bytes_ = 0;
  std::map<Position, Cached> cached_;
  uint64_t cached_bytes_ = 0;
  bool cache_full_ = false;  // nothing enters before half of it is free
  Position last_read_ = 0;   // of the pending records
  TimePoint last_read_at_{};
  std::unordered_map<std::string, std::weak_ptr<const otlp::Metadata>> metadata_;
  std::unordered_map<const otlp::Metadata*, uint64_t> holders_;  // entries of the index
  uint64_t charged_ = 0;
  uint64_t owed_bytes_ = 0;
  uint64_t given_up_until_ = 0;  // the checkpoint that brings back the space of the last given up
  uint64_t backfill_max_size_ = 0;
  Retention retention_;
  uint64_t retention_bytes_ = UINT64_MAX;
  Amount retained_;
  uint64_t retained_bytes_ = 0;  // on disk, and of the index
  uint64_t retained_until_ = 0;  // as given_up_until_
  std::vector<Again> again_;
  uint64_t disk_bytes_ = 0;
  std::string user_state_;
  std::move_only_function<void()> listener_;

  bool dirty_ = false;
  bool quiet_ = false;  // nothing has happened for a while: the next checkpoint gives spares back
  bool checkpoint_in_flight_ = false;
  uint64_t next_checkpoint_ = 1;
  Timer checkpoint_timer_;
  Timer compaction_timer_;
  Timer retention_timer_;
  telemetry::Sampled disk_log_{1, std::chrono::seconds(10)};
  uint64_t compacting_ = 0;  // sequence; 0: none
  size_t moves_in_flight_ = 0;
  bool closing_ = false;
  bool closed_ = false;  // the last checkpoint is on its way
  std::move_only_function<void()> close_done_;

  std::shared_ptr<WriterSide> side_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::vector<std::unique_ptr<io::Executor>> own_threads_;
  io::Executor* writer_ = nullptr;
  io::Executor* reader_ = nullptr;
  // Closes removed files: the last close gives their space back, which may take the disk longer
  // than a write (with `discard`, 20 ms and more).
  io::Executor* closer_ = nullptr;
  std::unique_ptr<ReadAhead> read_ahead_;
};

}  // namespace gapless::journal
