// What keeps a segment journal going beside appends and reads: checkpoints, the return of space,
// the end.
#include "journal/segment_journal.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

constexpr Duration kCheckpointInterval = std::chrono::milliseconds(100);
// After a failed one: the disk is in trouble, writing more often does not help it.
constexpr Duration kCheckpointRetry = std::chrono::milliseconds(200);
// Files kept for a burst go when nothing follows for so long.
constexpr Duration kTrimAfter = std::chrono::seconds(2);
// A segment of which less than one part in so many is needed is emptied by moving its records.
constexpr uint64_t kSparse = 8;
// For so long: a segment that is just being drained will be empty before.
constexpr Duration kSparseFor = std::chrono::seconds(5);

}  // namespace

void SegmentJournal::MarkDirty() {
  const bool scheduled = std::exchange(dirty_, true) && checkpoint_timer_.armed();
  if (!checkpoint_in_flight_ && !scheduled && !closing_) {
    checkpoint_timer_ = home_.RunAfter(kCheckpointInterval, [this] { WriteCheckpoint(); });
  }
}

std::string SegmentJournal::Snapshot() const {
  return EncodeCheckpoint({.journal_id = journal_id_,
                           .sequence = next_checkpoint_,
                           .unsynced = !options_.sync,
                           .counted = counted_,
                           .head = next_position_,
                           .ledger = book_.ledger(),
                           .given_up = book_.given_up(),
                           .pending = book_.pending(),
                           .debts = book_.debts(),
                           .retained = retention_.groups(),
                           .user_state = user_state_});
}

std::vector<uint64_t> SegmentJournal::ReleasableSegments() const {
  std::vector<uint64_t> sequences;
  for (const auto& [sequence, segment] : segments_) {
    if (segment.sealed && segment.live_records == 0 && segment.retained_records == 0 &&
        sequence != compacting_) {
      sequences.push_back(sequence);
    }
  }
  return sequences;
}

void SegmentJournal::WriteCheckpoint() {
  if (checkpoint_in_flight_) {
    return;
  }
  checkpoint_timer_.Cancel();
  dirty_ = false;
  checkpoint_in_flight_ = true;
  writer_->Post([this, &home = home_, side = side_, alive = std::weak_ptr(alive_),
                 sequence = next_checkpoint_, encoded = Snapshot(), released = ReleasableSegments(),
                 quiet = std::exchange(quiet_, false)]() mutable {
    if (side->abandoned.load()) {
      return;
    }
    const Status status = side->checkpoints->Write(sequence, encoded);
    // Only now does the disk say that nobody needs these segments.
    const uint64_t disk_bytes =
        status.ok() ? side->segments.Release(released, quiet) : side->segments.disk_bytes();
    home.Post([this, status, released = std::move(released), disk_bytes,
               trim = side->segments.keeps_many(), alive = std::move(alive)] {
      if (!alive.expired()) {
        OnCheckpoint(status, released, disk_bytes, trim);
      }
    });
  });
}

void SegmentJournal::OnCheckpoint(const Status& status, const std::vector<uint64_t>& released,
                                  uint64_t disk_bytes, bool trim) {
  checkpoint_in_flight_ = false;
  disk_bytes_ = disk_bytes;
  if (status.ok()) {
    ++next_checkpoint_;
    for (const uint64_t sequence : released) {
      auto segment = segments_.extract(sequence);
      closer_->Post([file = std::move(segment.mapped().file)] {});
    }
    MaybeCompact();
  } else {
    disk_log_.Log(options_.log, telemetry::LogLevel::kError, home_.Now(),
                  "the journal cannot write its checkpoint",
                  {{"directory", options_.directory}, {"error", status}});
    dirty_ = true;
  }
  if (!again_.empty() && status.ok() && next_checkpoint_ <= retained_until_) {
    WriteCheckpoint();  // this one did not yet name what was given up
    return;
  }
  AppendAgain();
  if (closing_) {
    ContinueClose();
  } else if (dirty_ && !checkpoint_timer_.armed()) {
    checkpoint_timer_ = home_.RunAfter(status.ok() ? kCheckpointInterval : kCheckpointRetry,
                                       [this] { WriteCheckpoint(); });
  } else if (trim && !checkpoint_timer_.armed()) {
    checkpoint_timer_ = home_.RunAfter(kTrimAfter, [this] {
      quiet_ = true;
      WriteCheckpoint();
    });
  }
}

std::vector<ReadItem> SegmentJournal::HeldRecordsOf(const Segment& segment) const {
  std::vector<Position> positions = segment.moved_here;
  const auto next = [this](Position from) {
    const std::optional<Position> pending = book_.pending().FirstAtLeast(from);
    const std::optional<Position> owed = book_.debts().NextOwedToAnybody(from);
    return pending && owed ? std::min(*pending, *owed) : pending.value_or(owed.value_or(0));
  };
  if (segment.first <= segment.last) {
    for (Position p = next(segment.first); p != 0 && p <= segment.last; p = next(p + 1)) {
      positions.push_back(p);
    }
  }
  std::vector<ReadItem> items;
  for (const Position position : positions) {
    const Entry* entry = index_.Find(position);
    if (entry && entry->segment == &segment && !entry->retained) {
      items.push_back({.position = position,
                       .offset = entry->offset,
                       .size = entry->size,
                       .metadata = entry->metadata});
    }
  }
  std::ranges::sort(items, {}, &ReadItem::offset);
  return items;
}

SegmentJournal::Segment* SegmentJournal::FindSparseSegment() {
  const TimePoint now = home_.Now();
  std::optional<TimePoint> next;
  for (auto& [sequence, segment] : segments_) {
    // One ordinary segment alone is not worth it: its records would only begin the next one.
    const bool worth = segments_.size() >= 3 || segment.capacity > options_.segment_size;
    const bool sparse = worth && segment.sealed && !segment.keep && segment.live_records > 0 &&
                        segment.live_bytes < segment.capacity / kSparse;
    if (!sparse) {
      segment.sparse_since.reset();
      continue;
    }
    const TimePoint due = segment.sparse_since.value_or(now) + kSparseFor;
    if (due <= now) {
      return &segment;
    }
    segment.sparse_since = due - kSparseFor;
    next = std::min(next.value_or(due), due);
  }
  if (next) {
    compaction_timer_ = home_.RunAt(*next, [this] { MaybeCompact(); });
  }
  return nullptr;
}

void SegmentJournal::MaybeCompact() {
  if (compacting_ != 0 || closing_) {
    return;
  }
  const Segment* found = FindSparseSegment();
  if (!found) {
    return;
  }
  const Segment& segment = *found;
  ReadWindow window{.segment = segment.header,
                    .file = segment.file,
                    .path = segment.path,
                    .items = HeldRecordsOf(segment)};
  compacting_ = segment.header.sequence;
  reader_->Post(
      [this, &home = home_, window = std::move(window), alive = std::weak_ptr(alive_)]() mutable {
        std::vector<ReadRecord> records = ReadRecords(window, false);
        home.Post([this, window = std::move(window), records = std::move(records),
                   alive = std::move(alive)]() mutable {
          if (!alive.expired()) {
            OnCompactionRead(window, std::move(records));
          }
        });
      });
}

void SegmentJournal::OnCompactionRead(const ReadWindow& window, std::vector<ReadRecord> records) {
  Segment& segment = segments_.at(window.segment.sequence);
  bool wake = false;
  for (size_t i = 0; i < records.size(); ++i) {
    ReadRecord& record = records[i];
    const ReadItem& item = window.items[i];
    const Entry* entry = index_.Find(item.position);
    if (!entry || entry->segment != &segment || entry->retained || closing_) {
      continue;
    }
    if (!record.batch.ok()) {
      // Its reader will find and book the damage; or the disk is only out for a while.
      segment.keep |= record.batch.status().code() == Code::kDataLoss;
      segment.sparse_since.reset();
      continue;
    }
    const uint8_t flags = static_cast<uint8_t>(record.header.flags | kFlagMoved);
    wake |= side_->inbox.Push({.position = item.position,
                               .arrival_ns = record.header.arrival_ns,
                               .metadata = EncodeMetadata(item.metadata.get()),
                               .batch = std::move(*record.batch),
                               .flags = flags});
    ++moves_in_flight_;
  }
  if (wake) {
    WakeWriter();
  }
  if (moves_in_flight_ == 0) {
    compacting_ = 0;
    ContinueClose();
  }
}

void SegmentJournal::OnRecordMoved(const Written& written) {
  Segment& from = segments_.at(compacting_);
  if (--moves_in_flight_ == 0) {
    compacting_ = 0;
  }
  if (!written.status.ok()) {
    for (auto& [sequence, segment] : segments_) {
      segment.sparse_since.reset();  // the disk gets a pause
    }
    return;
  }
  Entry* entry = index_.Find(written.position);
  if (!entry || entry->segment != &from) {
    return;
  }
  Segment& to = segments_.at(written.segment);
  const bool retained = entry->retained;
  if (retained) {
    CountRetained(*entry, false);
  }
  --from.live_records;
  from.live_bytes -= entry->size;
  AddToSegment(to, written.position, written.size, true);
  entry->segment = &to;
  entry->offset = written.offset;
  entry->size = written.size;
  if (retained) {
    CountRetained(*entry, true);
  }
}

void SegmentJournal::Close(std::move_only_function<void()> done) {
  closing_ = true;
  retention_timer_.Cancel();
  close_done_ = std::move(done);
  AppendAgain();  // each hears that the journal is closing
  ContinueClose();
}

void SegmentJournal::ContinueClose() {
  if (!closing_ || !close_done_ || !in_flight_.empty() || checkpoint_in_flight_ ||
      compacting_ != 0) {
    return;
  }
  if (!closed_) {
    closed_ = true;
    WriteCheckpoint();
    return;
  }
  // An empty journal leaves its checkpoint and no segments.
  const bool empty = index_.size() == 0 && !dirty_;
  writer_->Post([&home = home_, side = side_, alive = std::weak_ptr(alive_), empty,
                 done = std::move(close_done_)]() mutable {
    if (empty && !side->abandoned.load()) {
      side->segments.ReleaseAll();
    }
    home.Post([alive = std::move(alive), done = std::move(done)]() mutable {
      if (!alive.expired()) {
        done();
      }
    });
  });
}

}  // namespace gapless::journal
