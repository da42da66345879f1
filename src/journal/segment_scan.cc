#include "journal/segment_scan.h"

#include "wire/checksum.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gapless::journal {

namespace {

// Large enough that the kernel reads ahead of it in large pieces.
constexpr uint64_t kWindow = 1 << 20;
// What the kernel is told of ahead.
constexpr uint64_t kWillRead = uint64_t{8} << 20;
constexpr uint64_t kSmallWindow = 4096;
// A disk reads on about so far in the time that one more small read takes.
constexpr uint64_t kLargeRecord = 128 * 1024;
constexpr uint64_t kPayloadPiece = 1 << 20;

}  // namespace

SegmentScanner::SegmentScanner(io::File& file, const SegmentHeader& header, uint64_t file_size)
    : file_(file), salt_(header.salt), file_size_(file_size), window_size_(kWindow) {}

Result<ByteSpan> SegmentScanner::View(uint64_t offset, uint64_t size) {
  size = offset >= file_size_ ? 0 : std::min(size, file_size_ - offset);
  if (offset < window_at_ || offset + size > window_at_ + window_.size()) {
    window_.resize(
        std::max(size, std::min(window_size_, file_size_ - std::min(offset, file_size_))));
    window_at_ = offset;
    if (window_size_ == kWindow) {
      file_.WillRead(offset, kWillRead);
    }
    ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(offset, window_));
    window_.resize(got);
    size = std::min<uint64_t>(size, got);
  }
  return ByteSpan(window_).subspan(offset - window_at_, size);
}

Result<bool> SegmentScanner::RecordAt(uint64_t offset, ScanItem* item) {
  ASSIGN_OR_RETURN(const ByteSpan fixed, View(offset, kRecordHeaderSize));
  const auto header = PeekRecordHeader(fixed, salt_);
  if (!header || header->total_size() > file_size_ - offset) {
    return false;
  }
  ASSIGN_OR_RETURN(const ByteSpan whole, View(offset, header->payload_at()));
  if (whole.size() < header->payload_at() || !CheckRecordHeader(whole, salt_)) {
    return false;
  }
  item->kind = ScanItem::Kind::kRecord;
  item->offset = offset;
  item->size = header->total_size();
  item->header = *header;
  item->metadata = TakeMetadata(whole, &item->header);
  return true;
}

Result<uint64_t> SegmentScanner::Search(uint64_t offset) {
  const uint32_t marker = static_cast<uint32_t>(salt_ >> 32);
  ScanItem ignored;
  while (offset + kRecordHeaderSize <= file_size_) {
    ASSIGN_OR_RETURN(const ByteSpan view, View(offset, kWindow));
    uint64_t at = 0;
    for (; at + sizeof marker <= view.size(); at += kRecordAlignment) {
      uint32_t found = 0;
      std::memcpy(&found, view.data() + at, sizeof found);
      if (found == marker) {
        break;
      }
    }
    if (at + sizeof marker > view.size()) {
      if (view.empty()) {
        break;
      }
      offset += at;
      continue;
    }
    offset += at;
    ASSIGN_OR_RETURN(const bool found, RecordAt(offset, &ignored));
    if (found) {
      return offset;
    }
    offset += kRecordAlignment;
  }
  return file_size_;
}

Result<ScanItem> SegmentScanner::Next() {
  ScanItem item{.offset = good_end_, .sealed = sealed_};
  if (ended_) {
    return item;
  }
  ASSIGN_OR_RETURN(const bool found, RecordAt(next_, &item));
  if (!found) {
    ASSIGN_OR_RETURN(const uint64_t resume, Search(next_ + kRecordAlignment));
    if (resume >= file_size_) {
      ended_ = true;
      return item;
    }
    item.kind = ScanItem::Kind::kDamage;
    item.offset = next_;
    item.size = resume - next_;
    next_ = resume;
    return item;
  }
  next_ = item.offset + item.size;
  window_size_ = item.size >= kLargeRecord ? kSmallWindow : kWindow;
  if (item.header.kind == RecordKind::kEnd) {
    ended_ = true;
    sealed_ = true;
    return ScanItem{.offset = item.offset, .sealed = true};
  }
  good_end_ = next_;
  return item;
}

Result<bool> CheckPayload(io::File& file, const SegmentHeader& segment, uint64_t offset,
                          const RecordHeader& header) {
  uint32_t crc = PayloadCrcSeed(header.position, segment.salt);
  std::vector<std::byte> piece(std::min(header.stored_size, kPayloadPiece));
  uint64_t at = offset + header.payload_at();
  for (uint64_t left = header.stored_size; left > 0;) {
    const size_t size = std::min<uint64_t>(left, piece.size());
    ASSIGN_OR_RETURN(const size_t got, file.ReadAt(at, std::span(piece).first(size)));
    if (got < size) {
      return false;
    }
    crc = wire::Crc32c(ByteSpan(piece).first(size), crc);
    at += size;
    left -= size;
  }
  return crc == header.payload_crc;
}

}  // namespace gapless::journal
