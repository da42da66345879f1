#include "journal/record_reader.h"

#include <utility>

namespace gapless::journal {

namespace {

constexpr uint64_t kReadWindow = uint64_t{1} << 20;
// What is skipped within a window: cheaper than a second read.
constexpr uint64_t kReadGap = 64 * 1024;

}  // namespace

RecordReader::RecordReader(const SegmentJournalOptions& options, io::FileSystem& fs,
                           SegmentRecords& records, Checkpointer& checkpoints, Loop& home,
                           io::Executor& reader)
    : options_(options),
      fs_(fs),
      records_(records),
      checkpoints_(checkpoints),
      home_(home),
      reader_(reader),
      ahead_(static_cast<ReadAhead::Host&>(*this), home, reader) {}

void RecordReader::Read(std::vector<Position> positions, Journal::ReadCallback done) {
  if (!positions.empty()) {
    records_.OnRead(positions.back());
  }
  ahead_.Read(std::move(positions), std::move(done));
}

std::optional<Result<otlp::Batch>> RecordReader::AtOnce(Position position) {
  if (const otlp::Batch* batch = records_.recent().Find(position)) {
    return *batch;
  }
  if (!records_.index().Find(position)) {
    return NotFound("the record is settled");
  }
  return std::nullopt;
}

ReadWindow RecordReader::WindowAt(Position position) {
  const Book& book = records_.book();
  std::optional<StoredRecord> record = records_.index().Find(position);
  const Segment* segment = record->segment;
  ReadWindow window = WindowOf(*segment);
  const bool pending = book.IsPending(position);
  const uint64_t start = record->offset;
  uint64_t end = start;
  for (std::optional<Position> next = position; next;) {
    record = records_.index().Find(*next);
    const bool fits =
        window.items.empty() ||
        (record->segment == segment && record->offset >= end && record->offset - end <= kReadGap &&
         record->offset + record->size - start <= kReadWindow);
    if (!fits) {
      break;
    }
    window.items.push_back(ItemOf(*next, *record, records_.metadata()));
    end = record->offset + record->size;
    next = pending ? book.pending().FirstAtLeast(*next + 1)
                   : book.debts().NextOwedToAnybody(*next + 1);
    if (next && records_.recent().Find(*next)) {
      break;
    }
  }
  return window;
}

std::optional<Position> RecordReader::NextPendingPosition(Position from) {
  const std::optional<Position> next = records_.book().pending().FirstAtLeast(from);
  return next && !records_.recent().Find(*next) ? next : std::nullopt;
}

bool RecordReader::IsCurrent(const ReadWindow& window, const ReadItem& item) {
  const std::optional<StoredRecord> record = records_.index().Find(item.position);
  return record && record->segment->sequence() == window.segment.sequence &&
         record->offset == item.offset;
}

void RecordReader::OnDamaged(const ReadWindow& window, const ReadItem& item, const Status& status) {
  options_.log.Error("a record of the journal is damaged", {{"file", window.path},
                                                            {"offset", item.offset},
                                                            {"position", item.position},
                                                            {"error", status}});
  reader_.Post([&fs = fs_, directory = options_.directory, path = window.path, file = window.file,
                offset = item.offset,
                size = item.size] { CopyAside(fs, directory, path, *file, offset, size); });
  records_.Lose(item.position);
  checkpoints_.Changed();
}

void RecordReader::OnUnreadable(const ReadWindow& window, const Status& status) {
  log_.Log(options_.log, telemetry::LogLevel::kError, home_.Now(),
           "the journal cannot read; it tries again", {{"file", window.path}, {"error", status}});
}

}  // namespace gapless::journal
