#include "journal/compactor.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

// A segment of which less than one part in so many is needed is emptied by moving its records.
constexpr uint64_t kSparse = 8;
constexpr size_t kLookedAtPerTurn = 1000;
constexpr uint64_t kPartMax = uint64_t{4} << 20;

}  // namespace

SparseSegments::Found SparseSegments::Look(const std::map<uint64_t, Segment>& segments,
                                           uint64_t segment_size, TimePoint now) {
  std::erase_if(since_, [&](const auto& entry) { return !segments.contains(entry.first); });
  std::erase_if(excluded_, [&](uint64_t sequence) { return !segments.contains(sequence); });
  Found found;
  for (const auto& [sequence, segment] : segments) {
    // One ordinary segment alone is not worth it: its records would only begin the next one.
    const bool worth = segments.size() >= 3 || segment.capacity > segment_size;
    const bool sparse = worth && segment.sealed && segment.live_records > 0 &&
                        segment.live_bytes < segment.capacity / kSparse &&
                        !excluded_.contains(sequence);
    if (!sparse) {
      since_.erase(sequence);
      continue;
    }
    const TimePoint due = since_.try_emplace(sequence, now).first->second + kSparseFor;
    if (due <= now) {
      found.segment = found.segment.value_or(sequence);
    }
    found.look_again = std::min(found.look_again.value_or(due), due);
  }
  if (found.segment) {
    since_.erase(*found.segment);  // if something has to stay, not at once again
  }
  return found;
}

Compactor::Compactor(SegmentRecords& records, WriteQueue& queue, Loop& home, io::Executor& reader,
                     uint64_t segment_size, std::move_only_function<void()> on_idle)
    : records_(records),
      queue_(queue),
      home_(home),
      reader_(reader),
      segment_size_(segment_size),
      on_idle_(std::move(on_idle)) {}

void Compactor::Look() {
  if (segment_ != 0 || stopped_) {
    return;
  }
  const auto found = sparse_.Look(records_.index().segments(), segment_size_, home_.Now());
  if (found.segment) {
    const Segment& segment = records_.index().segments().at(*found.segment);
    segment_ = *found.segment;
    next_ = segment.first;
    next_moved_ = 0;
    ended_ = false;
    MovePart();
  } else if (found.look_again) {
    timer_ = home_.RunAt(*found.look_again, [this] { Look(); });
  }
}

std::optional<StoredRecord> Compactor::Find(Position position) const {
  const auto record = records_.index().Find(position);
  const bool here = record && record->segment->sequence() == segment_;
  return here && !records_.retained().IsKept(position) ? record : std::nullopt;
}

std::vector<ReadItem> Compactor::NextPart(const Segment& segment) {
  std::vector<ReadItem> items;
  uint64_t bytes = 0;
  for (size_t i = 0; i < kLookedAtPerTurn && bytes < kPartMax && !ended_; ++i) {
    std::optional<Position> position = records_.index().Next(next_);
    if (position && *position <= segment.last) {
      next_ = *position + 1;
    } else if (next_moved_ < segment.moved_here.size()) {
      position = segment.moved_here[next_moved_++];
    } else {
      ended_ = true;
      break;
    }
    if (const auto record = Find(*position)) {
      items.push_back(ItemOf(*position, *record, records_.metadata()));
      bytes += record->size;
    }
  }
  std::ranges::sort(items, {}, &ReadItem::offset);
  return items;
}

void Compactor::MovePart() {
  if (stopped_) {
    EndPart();
    return;
  }
  const Segment& segment = records_.index().segments().at(segment_);
  ReadWindow window = WindowOf(segment);
  window.items = NextPart(segment);
  if (window.items.empty()) {
    EndPart();
    return;
  }
  reader_.Post(
      [&home = home_, window = std::move(window),
       done = lifetime_.Guard([this](const ReadWindow& from, std::vector<ReadRecord> read) {
         OnRead(from, std::move(read));
       })]() mutable {
        std::vector<ReadRecord> records = ReadRecords(window, false);
        home.Post([window = std::move(window), records = std::move(records),
                   done = std::move(done)]() mutable { done(window, std::move(records)); });
      });
}

void Compactor::OnRead(const ReadWindow& window, std::vector<ReadRecord> records) {
  for (size_t i = 0; i < records.size() && !stopped_; ++i) {
    ReadRecord& record = records[i];
    const ReadItem& item = window.items[i];
    if (!Find(item.position)) {
      continue;
    }
    if (!record.batch.ok()) {
      // Its reader will find and book the damage; or the disk is only out for a while.
      if (record.batch.status().code() == Code::kDataLoss) {
        sparse_.Exclude(segment_);
      }
      continue;
    }
    queue_.Push({.position = item.position,
                 .arrival_ns = record.header.arrival_ns,
                 .metadata = EncodeMetadata(item.metadata.get()),
                 .batch = std::move(*record.batch),
                 .flags = static_cast<uint8_t>(record.header.flags | kFlagMoved)});
    ++in_flight_;
  }
  if (in_flight_ == 0) {
    EndPart();
  }
}

void Compactor::OnMoved(const Written& written) {
  --in_flight_;
  if (!written.status.ok()) {
    sparse_.Reset();  // the disk gets a pause
    ended_ = true;
  } else if (Find(written.position)) {
    RecordIndex& index = records_.index();
    index.Move(written.position, index.segments().at(written.segment), written.offset,
               written.size);
  }
  if (in_flight_ == 0) {
    EndPart();
  }
}

void Compactor::EndPart() {
  const bool more = !ended_ && !stopped_;
  segment_ = more ? segment_ : 0;
  home_.Post(lifetime_.Guard([this, more] {
    if (more) {
      MovePart();
    } else {
      on_idle_();
    }
  }));
}

}  // namespace gapless::journal
