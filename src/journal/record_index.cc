#include "journal/record_index.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

constexpr uint32_t kSlotMax = (uint32_t{1} << 24) - 1;

}  // namespace

Segment& RecordIndex::AddSegment(const SegmentHeader& header, std::shared_ptr<io::File> file,
                                 std::string path, uint64_t capacity) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.push_back(nullptr);
  }
  Segment& segment = segments_[header.sequence];
  segment = {.header = header,
             .file = std::move(file),
             .path = std::move(path),
             .capacity = capacity,
             .moved_here = {},
             .slot = free_slots_.back()};
  free_slots_.pop_back();
  slots_[segment.slot] = &segment;
  return segment;
}

std::shared_ptr<io::File> RecordIndex::RemoveSegment(uint64_t sequence) {
  auto segment = segments_.extract(sequence);
  slots_[segment.mapped().slot] = nullptr;
  free_slots_.push_back(segment.mapped().slot);
  return std::move(segment.mapped().file);
}

RecordIndex::Packed RecordIndex::Pack(const StoredRecord& record) {
  const Packed packed = {.lanes = record.lanes,
                         .arrival_ns = record.arrival_ns,
                         .raw_size = record.raw_size & kRawSizeMax,
                         .slot = record.segment->slot & kSlotMax,
                         .offset = static_cast<uint32_t>(record.offset / kRecordAlignment),
                         .size = static_cast<uint32_t>(record.size / kRecordAlignment),
                         .items = record.items,
                         .metadata = record.metadata};
  GAPLESS_CHECK(packed.slot == record.segment->slot && packed.raw_size == record.raw_size &&
                packed.offset * kRecordAlignment == record.offset &&
                packed.size * kRecordAlignment == record.size);
  return packed;
}

void RecordIndex::AddTo(Segment& segment, Position position, uint64_t size, bool moved) {
  ++segment.live_records;
  segment.live_bytes += size;
  if (moved) {
    segment.moved_here.push_back(position);
  } else {
    segment.first = std::min(segment.first, position);
    segment.last = std::max(segment.last, position);
  }
}

void RecordIndex::Insert(Position position, const StoredRecord& record, bool moved) {
  records_.Insert(position, Pack(record));
  AddTo(*record.segment, position, record.size, moved);
}

std::optional<StoredRecord> RecordIndex::Find(Position position) const {
  const std::optional<Packed> packed = records_.Find(position);
  if (!packed) {
    return std::nullopt;
  }
  return StoredRecord{.segment = slots_[packed->slot],
                      .offset = packed->offset * kRecordAlignment,
                      .size = packed->size * kRecordAlignment,
                      .raw_size = packed->raw_size,
                      .arrival_ns = packed->arrival_ns,
                      .items = packed->items,
                      .lanes = packed->lanes,
                      .metadata = packed->metadata};
}

std::optional<Position> RecordIndex::Next(Position from) const {
  const auto next = records_.AtLeast(from);
  return next ? std::optional(next->position) : std::nullopt;
}

void RecordIndex::Move(Position position, Segment& to, uint64_t offset, uint64_t size) {
  StoredRecord record = *Find(position);
  --record.segment->live_records;
  record.segment->live_bytes -= record.size;
  record.segment = &to;
  record.offset = offset;
  record.size = size;
  records_.Set(position, Pack(record));
  AddTo(to, position, size, /*moved=*/true);
}

void RecordIndex::Erase(Position position) {
  const StoredRecord record = *Find(position);
  --record.segment->live_records;
  record.segment->live_bytes -= record.size;
  records_.Erase(position);
}

void RecordIndex::CountRetained(const StoredRecord& record, bool retained) {
  Segment& segment = *record.segment;
  if (retained) {
    ++segment.retained_records;
    --segment.live_records;
    segment.live_bytes -= record.size;
  } else {
    --segment.retained_records;
    ++segment.live_records;
    segment.live_bytes += record.size;
  }
}

ReadItem ItemOf(Position position, const StoredRecord& record, const MetadataTable& metadata) {
  return {.position = position,
          .offset = record.offset,
          .size = record.size,
          .metadata = metadata.Get(record.metadata)};
}

ReadWindow WindowOf(const Segment& segment) {
  return {.segment = segment.header, .file = segment.file, .path = segment.path, .items = {}};
}

}  // namespace gapless::journal
