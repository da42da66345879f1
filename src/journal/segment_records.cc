// The records of a segment journal after they were stored: found, read, settled, owed, released.
#include "journal/segment_journal.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

constexpr uint64_t kReadWindow = uint64_t{1} << 20;
// What is skipped within a window: cheaper than a second read.
constexpr uint64_t kReadGap = 64 * 1024;

}  // namespace

void SegmentJournal::SetListener(std::move_only_function<void()> on_readable) {
  listener_ = std::move(on_readable);
  if (listener_ && !book_.pending().empty()) {
    listener_();
  }
}

RecordInfo SegmentJournal::InfoOf(Position position) const {
  const Entry& entry = *index_.Find(position);
  return {.position = position,
          .arrival = WallTime(Duration(entry.arrival_ns)),
          .items = entry.items,
          .bytes = entry.raw_size,
          .lanes = entry.lanes,
          .metadata = entry.metadata};
}

std::optional<RecordInfo> SegmentJournal::NextPending(Position from) const {
  const std::optional<Position> position = book_.pending().FirstAtLeast(from);
  return position ? std::optional(InfoOf(*position)) : std::nullopt;
}

std::optional<RecordInfo> SegmentJournal::NextOwed(ReaderId reader, Position from) const {
  const std::optional<Position> position = book_.debts().Next(reader, from);
  return position ? std::optional(InfoOf(*position)) : std::nullopt;
}

void SegmentJournal::Read(std::vector<Position> positions, ReadCallback done) {
  if (!positions.empty() && book_.IsPending(positions.back())) {
    last_read_ = positions.back();
    last_read_at_ = home_.Now();
  }
  read_ahead_->Read(std::move(positions), std::move(done));
}

void SegmentJournal::Settle(Position position, const Settlement& settlement,
                            const std::vector<ReaderId>& owed) {
  if (!book_.IsPending(position)) {
    return;
  }
  const Entry& entry = *index_.Find(position);
  const uint64_t size = entry.size;
  if (settlement.delivered > 0) {
    Note(position, settlement.by);
  }
  if (book_.Settle(position, AmountOf(entry), settlement, owed)) {
    Release(position);
    LimitRetained();
  } else {
    owed_bytes_ += size;
    Uncache(position);  // it is wanted again after the outage
    LimitDebts();
  }
  MarkDirty();
}

void SegmentJournal::LimitDebts() {
  while (owed_bytes_ > backfill_max_size_) {
    GiveUpOldestDebt();
  }
}

void SegmentJournal::SetBackfillMaxSize(uint64_t bytes) {
  backfill_max_size_ = bytes > 0 ? bytes : options_.backfill_max_size;
  LimitDebts();
  MarkDirty();
}

ReaderId SegmentJournal::RegisterReader(std::string_view name) {
  return book_.mutable_debts().Register(name);
}

void SegmentJournal::SettleDebt(ReaderId reader, Position position, bool delivered) {
  const Entry* entry = index_.Find(position);
  if (!entry) {
    return;
  }
  const uint64_t size = entry->size;
  if (delivered && book_.IsOwed(position)) {
    Note(position, ReaderBit(reader));
  }
  if (book_.SettleDebt(reader, position, AmountOf(*entry))) {
    owed_bytes_ -= size;
    Release(position);
    LimitRetained();
  }
  MarkDirty();
}

void SegmentJournal::ForgetUnregisteredReaders() {
  const IntervalSet positions = book_.mutable_debts().TakeUnregistered();
  for (const auto& [begin, end] : positions.intervals()) {
    for (Position position = begin; position < end; ++position) {
      const Entry* entry = index_.Find(position);
      if (entry && book_.DebtVanished(position, AmountOf(*entry))) {
        owed_bytes_ -= entry->size;
        Release(position);
      }
    }
  }
  if (!positions.empty()) {
    options_.log.Warn("records were owed to components that the configuration no longer names",
                      {{"directory", options_.directory}, {"records", positions.size()}});
    MarkDirty();
  }
}

void SegmentJournal::AddToSegment(Segment& segment, Position position, uint64_t size, bool moved) {
  ++segment.live_records;
  segment.live_bytes += size;
  if (moved) {
    segment.moved_here.push_back(position);
  } else {
    segment.first = std::min(segment.first, position);
    segment.last = std::max(segment.last, position);
  }
}

// Nobody needs it any more but, perhaps, retention.
void SegmentJournal::Release(Position position) {
  Entry& entry = *index_.Find(position);
  if (entry.holds > 0) {
    Uncache(position);
    CountRetained(entry, true);
    return;
  }
  --entry.segment->live_records;
  entry.segment->live_bytes -= entry.size;
  Uncache(position);
  read_ahead_->Forget(position);
  LetGo(entry.metadata.get());
  index_.Erase(position);
  Uncharge(kIndexBytes);
}

void SegmentJournal::GiveUpOldestDebt() {
  const Position position = *book_.debts().Oldest();
  const Entry& entry = *index_.Find(position);
  owed_bytes_ -= entry.size;
  book_.GiveUpDebt(position, AmountOf(entry));
  Release(position);
}

void SegmentJournal::GiveUpDebts(uint64_t bytes) {
  if (next_checkpoint_ <= given_up_until_) {
    return;  // the space of the last ones is on its way
  }
  given_up_until_ = next_checkpoint_ + (checkpoint_in_flight_ ? 1 : 0);
  const uint64_t before = owed_bytes_;
  while (owed_bytes_ > 0 && before - owed_bytes_ < bytes) {
    GiveUpOldestDebt();
  }
  if (before > owed_bytes_) {
    options_.log.Warn("the journal needs space: it gives up what was still owed (backfill)",
                      {{"directory", options_.directory}, {"bytes", before - owed_bytes_}});
  }
}

std::optional<Result<otlp::Batch>> SegmentJournal::AtOnce(Position position) {
  if (const auto it = cached_.find(position); it != cached_.end()) {
    return it->second.batch;
  }
  if (!index_.Find(position)) {
    return NotFound("the record is settled");
  }
  return std::nullopt;
}

ReadWindow SegmentJournal::WindowAt(Position position) {
  const Entry* entry = index_.Find(position);
  const Segment* segment = entry->segment;
  ReadWindow window{
      .segment = segment->header, .file = segment->file, .path = segment->path, .items = {}};
  const bool pending = book_.IsPending(position);
  const uint64_t start = entry->offset;
  uint64_t end = start;
  std::optional<Position> next = position;
  while (next) {
    entry = index_.Find(*next);
    const bool fits = window.items.empty() || (entry->segment == segment && entry->offset >= end &&
                                               entry->offset - end <= kReadGap &&
                                               entry->offset + entry->size - start <= kReadWindow);
    if (!fits) {
      break;
    }
    window.items.push_back({.position = *next,
                            .offset = entry->offset,
                            .size = entry->size,
                            .metadata = entry->metadata});
    end = entry->offset + entry->size;
    next = pending ? book_.pending().FirstAtLeast(*next + 1)
                   : book_.debts().NextOwedToAnybody(*next + 1);
    if (next && cached_.contains(*next)) {
      break;
    }
  }
  return window;
}

std::optional<Position> SegmentJournal::NextPendingPosition(Position from) {
  const std::optional<Position> next = book_.pending().FirstAtLeast(from);
  return next && !cached_.contains(*next) ? next : std::nullopt;
}

bool SegmentJournal::IsCurrent(const ReadWindow& window, const ReadItem& item) {
  const Entry* entry = index_.Find(item.position);
  return entry && entry->segment->header.sequence == window.segment.sequence &&
         entry->offset == item.offset;
}

void SegmentJournal::OnDamaged(const ReadWindow& window, const ReadItem& item,
                               const Status& status) {
  const Position position = item.position;
  Entry& entry = *index_.Find(position);
  entry.holds = 0;
  options_.log.Error(
      "a record of the journal is damaged",
      {{"file", window.path}, {"offset", item.offset}, {"position", position}, {"error", status}});
  reader_->Post([&fs = fs_, directory = options_.directory, path = window.path, file = window.file,
                 offset = item.offset,
                 size = item.size] { CopyAside(fs, directory, path, *file, offset, size); });
  if (book_.Drop(position, AmountOf(entry), DropReason::kDamaged)) {
    Release(position);
  } else if (book_.IsOwed(position)) {
    GAPLESS_CHECK(owed_bytes_ >= entry.size);
    owed_bytes_ -= entry.size;
    book_.GiveUpDebt(position, AmountOf(entry));
    Release(position);
  }
  MarkDirty();
}

void SegmentJournal::OnUnreadable(const ReadWindow& window, const Status& status) {
  disk_log_.Log(options_.log, telemetry::LogLevel::kError, home_.Now(),
                "the journal cannot read; it tries again",
                {{"file", window.path}, {"error", status}});
}

}  // namespace gapless::journal
