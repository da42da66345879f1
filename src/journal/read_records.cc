#include "journal/read_records.h"

#include "wire/checksum.h"

#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr uint64_t kGapMax = 64 * 1024;
constexpr uint64_t kRunMax = 2 << 20;

// `bytes`: the record from its header to its padding, in a slab.
Result<otlp::Batch> Decode(const ReadWindow& window, const ReadItem& item, const Slice& bytes,
                           bool unpack, RecordHeader* out) {
  const Position position = item.position;
  const auto damaged = [&] {
    return DataLoss(
        fmt::format("record {} is damaged: {} at {}", position, window.path, item.offset));
  };
  auto header = PeekRecordHeader(bytes.span(), window.segment.salt);
  if (!header || header->position != position || header->kind != RecordKind::kRecord ||
      header->total_size() > bytes.size() ||
      !CheckRecordHeader(bytes.span().first(header->payload_at()), window.segment.salt)) {
    return damaged();
  }
  Rope payload(bytes.Sub(header->payload_at(), header->stored_size));
  if (PayloadCrc(payload, position, window.segment.salt) != header->payload_crc) {
    return damaged();
  }
  TakeMetadata(bytes.span().first(header->payload_at()), &*header);
  *out = *header;
  otlp::Batch batch;
  batch.signal = header->signal;
  batch.items = header->items;
  batch.codec = header->codec;
  batch.body = std::move(payload);
  batch.raw_size = header->raw_size;
  batch.lanes = header->lanes;
  batch.metadata = item.metadata;
  if (unpack && (header->flags & kFlagPacked) != 0) {
    Result<otlp::Batch> plain = otlp::Inflate(std::move(batch));
    return plain.ok() ? std::move(plain) : damaged();
  }
  return batch;
}

// Items that follow each other closely, with one call. After an error nothing was added.
Status ReadRun(const ReadWindow& window, std::span<const ReadItem> items, bool unpack,
               std::vector<ReadRecord>* records) {
  const uint64_t from = items.front().offset;
  const uint64_t size = items.back().offset + items.back().size - from;
  SlabRef slab(Slab::New(size));
  ASSIGN_OR_RETURN(const size_t got, window.file->ReadAt(from, std::span(slab->data(), size)));
  const Slice run(slab, slab->data(), got);
  for (const ReadItem& item : items) {
    const uint64_t at = item.offset - from;
    RecordHeader header;
    Result<otlp::Batch> batch =
        at + item.size > run.size()
            ? DataLoss(fmt::format("{} ends before record {}", window.path, item.position))
            : Decode(window, item, run.Sub(at, item.size), unpack, &header);
    records->push_back({.batch = std::move(batch), .header = header});
  }
  return OkStatus();
}

// How many of the items, from the first on, are worth one call.
size_t RunOf(std::span<const ReadItem> items) {
  const uint64_t from = items.front().offset;
  uint64_t to = from + items.front().size;
  size_t count = 1;
  for (; count < items.size(); ++count) {
    const ReadItem& next = items[count];
    if (next.offset < to || next.offset - to > kGapMax ||
        next.offset + next.size - from > kRunMax) {
      break;
    }
    to = next.offset + next.size;
  }
  return count;
}

}  // namespace

std::vector<ReadRecord> ReadRecords(const ReadWindow& window, bool unpack) {
  std::vector<ReadRecord> records;
  records.reserve(window.items.size());
  for (std::span<const ReadItem> left = window.items; !left.empty();) {
    const std::span<const ReadItem> run = left.first(RunOf(left));
    left = left.subspan(run.size());
    if (ReadRun(window, run, unpack, &records).ok()) {
      continue;
    }
    // One bad sector must not cost its neighbours.
    for (const ReadItem& item : run) {
      const Status alone = ReadRun(window, {&item, 1}, unpack, &records);
      if (!alone.ok()) {
        records.push_back({.batch = alone, .header = {}});
      }
    }
  }
  return records;
}

}  // namespace gapless::journal
