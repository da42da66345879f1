// RecordReader: reads held records: from memory, or from the disk in windows (read_ahead.h). What
// is damaged is booked as lost. Home loop.
#pragma once

#include "base/loop.h"
#include "io/executor.h"
#include "io/file_system.h"
#include "journal/checkpointer.h"
#include "journal/read_ahead.h"
#include "journal/segment_options.h"
#include "journal/segment_records.h"

#include <optional>
#include <vector>

namespace gapless::journal {

class RecordReader final : private ReadAhead::Host {
 public:
  // All references outlive it.
  RecordReader(const SegmentJournalOptions& options, io::FileSystem& fs, SegmentRecords& records,
               Checkpointer& checkpoints, Loop& home, io::Executor& reader);

  // As Journal::Read.
  void Read(std::vector<Position> positions, Journal::ReadCallback done);
  // It is not held any more.
  void Forget(Position position) { ahead_.Forget(position); }

 private:
  std::optional<Result<otlp::Batch>> AtOnce(Position position) override;
  ReadWindow WindowAt(Position position) override;
  std::optional<Position> NextPendingPosition(Position from) override;
  bool IsCurrent(const ReadWindow& window, const ReadItem& item) override;
  void OnDamaged(const ReadWindow& window, const ReadItem& item, const Status& status) override;
  void OnUnreadable(const ReadWindow& window, const Status& status) override;

  const SegmentJournalOptions& options_;
  io::FileSystem& fs_;
  SegmentRecords& records_;
  Checkpointer& checkpoints_;
  Loop& home_;
  io::Executor& reader_;
  telemetry::Sampled log_{1, std::chrono::seconds(10)};
  ReadAhead ahead_;
};

}  // namespace gapless::journal
