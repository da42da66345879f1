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
  *out = *header;
  otlp::Batch batch;
  batch.signal = header->signal;
  batch.items = header->items;
  batch.codec = header->codec;
  batch.body = std::move(payload);
  batch.raw_size = header->raw_size;
  batch.metadata = item.metadata;
  if (unpack && (header->flags & kFlagPacked) != 0) {
    Result<otlp::Batch> plain = otlp::Inflate(std::move(batch));
    return plain.ok() ? std::move(plain) : damaged();
  }
  return batch;
}

}  // namespace

std::vector<ReadRecord> ReadRecords(const ReadWindow& window, bool unpack) {
  std::vector<ReadRecord> records;
  records.reserve(window.items.size());
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
      const ReadItem& item = window.items[i];
      const uint64_t at = item.offset - from;
      RecordHeader header;
      Result<otlp::Batch> batch =
          !got.ok() ? DataLoss(got.status().message())
          : at + item.size > run.size()
              ? DataLoss(fmt::format("{} ends before record {}", window.path, item.position))
              : Decode(window, item, run.Sub(at, item.size), unpack, &header);
      records.push_back({.batch = std::move(batch), .header = header});
    }
    begin = end;
  }
  return records;
}

}  // namespace gapless::journal
