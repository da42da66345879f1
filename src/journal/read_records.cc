#include "journal/read_records.h"

#include "wire/checksum.h"

#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr uint64_t kGapMax = 64 * 1024;
constexpr uint64_t kRunMax = 2 << 20;

// `bytes`: the record from its header to its padding, in a slab.
Status Decode(const ReadWindow& window, const Slice& bytes, bool unpack, ReadRecord* out) {
  const Position position = out->item.position;
  const auto damaged = [&] {
    return DataLoss(
        fmt::format("record {} is damaged: {} at {}", position, window.path, out->item.offset));
  };
  const auto header = PeekRecordHeader(bytes.span(), window.segment.salt);
  if (!header || header->position != position || header->kind != RecordKind::kRecord ||
      header->total_size() > bytes.size() ||
      !CheckRecordHeader(bytes.span().first(header->payload_at()), window.segment.salt)) {
    return damaged();
  }
  Rope payload(bytes.Sub(header->payload_at(), header->stored_size));
  if (PayloadCrc(payload, position, window.segment.salt) != header->payload_crc) {
    return damaged();
  }
  out->header = *header;
  otlp::Batch batch;
  batch.signal = header->signal;
  batch.items = header->items;
  batch.codec = header->codec;
  batch.body = std::move(payload);
  batch.raw_size = header->raw_size;
  batch.metadata = out->item.metadata;
  if (unpack && (header->flags & kFlagPacked) != 0) {
    Result<otlp::Batch> plain = otlp::Inflate(batch);
    if (!plain.ok()) {
      return damaged();
    }
    batch = std::move(*plain);
  }
  out->batch = std::move(batch);
  return OkStatus();
}

}  // namespace

std::vector<ReadRecord> ReadRecords(const ReadWindow& window, bool unpack) {
  std::vector<ReadRecord> records(window.items.size());
  for (size_t begin = 0; begin < window.items.size();) {
    const uint64_t from = window.items[begin].offset;
    uint64_t to = from + window.items[begin].size;
    size_t end = begin + 1;
    for (; end < window.items.size(); ++end) {
      const ReadItem& next = window.items[end];
      if (next.offset < to || next.offset - to > kGapMax ||
          next.offset + next.size - from > kRunMax) {
        break;
      }
      to = next.offset + next.size;
    }
    SlabRef slab(Slab::New(to - from));
    const std::span<std::byte> room(slab->data(), to - from);
    Result<size_t> got = window.file->ReadAt(from, room);
    if (!got.ok()) {
      // Once more: a disk that recovers by itself must not cost a record.
      got = window.file->ReadAt(from, room);
    }
    const Slice run(slab, slab->data(), got.ok() ? *got : 0);
    for (size_t i = begin; i < end; ++i) {
      ReadRecord& record = records[i];
      record.item = window.items[i];
      const uint64_t at = record.item.offset - from;
      Status status =
          !got.ok() ? got.status()
          : at + record.item.size > run.size()
              ? DataLoss(fmt::format("{} ends before record {}", window.path, record.item.position))
              : Decode(window, run.Sub(at, record.item.size), unpack, &record);
      if (!status.ok()) {
        record.batch = DataLoss(status.message());
      }
    }
    begin = end;
  }
  return records;
}

}  // namespace gapless::journal
