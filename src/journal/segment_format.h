// The bytes of a segment: docs/formats/journal.md, format 1. Pure: no I/O. Any thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "journal/journal.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::journal {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint64_t kSegmentHeaderSize = 64;
inline constexpr uint64_t kSegmentHeaderCopyAt = 4096;
inline constexpr uint64_t kSegmentDataAt = 8192;
inline constexpr uint64_t kRecordHeaderSize = 56;
inline constexpr uint64_t kRecordAlignment = 8;
// No journal lives that long: what claims a higher one is damaged.
inline constexpr Position kPositionMax = Position{1} << 62;
inline constexpr uint32_t kMetadataSizeMax = 1 << 20;
// Nobody writes a record or a segment of this size; what claims to be one is not.
inline constexpr uint64_t kStoredSizeMax = uint64_t{1} << 34;
inline constexpr uint64_t kRawSizeMax = (uint64_t{1} << 40) - 1;
inline constexpr uint64_t kSegmentSizeMax = uint64_t{1} << 35;

struct SegmentHeader {
  uint64_t journal_id = 0;
  uint64_t salt = 0;
  uint64_t sequence = 0;
  Position first_position = 0;
  int64_t created_ns = 0;

  bool operator==(const SegmentHeader&) const = default;
};

// A salt may not have an empty upper half: it is what marks a record among zeros.
uint64_t ValidSalt(uint64_t random);

// The first kSegmentDataAt bytes of a segment, both copies.
std::string EncodeSegmentStart(const SegmentHeader& header);
// `start`: what the file has of its first kSegmentDataAt bytes. Errors: NOT_FOUND if it is all
// zeros (never used), FAILED_PRECONDITION for a newer format, DATA_LOSS else.
Result<SegmentHeader> DecodeSegmentStart(ByteSpan start);

enum class RecordKind : uint8_t { kRecord = 1, kEnd = 2 };
inline constexpr uint8_t kFlagMoved = 1;
inline constexpr uint8_t kFlagPacked = 2;
inline constexpr uint8_t kFlagLanes = 4;

struct RecordHeader {
  RecordKind kind = RecordKind::kRecord;
  Position position = 0;
  int64_t arrival_ns = 0;
  uint64_t stored_size = 0;
  uint64_t raw_size = 0;
  uint32_t items = 0;
  otlp::Signal signal = otlp::Signal::kTraces;
  wire::Codec codec = wire::Codec::kIdentity;
  uint8_t flags = 0;
  uint32_t metadata_size = 0;  // with the lanes, if they are stored
  uint32_t payload_crc = 0;
  uint64_t lanes = otlp::kAllLanes;  // stored behind the metadata unless it is all of them

  // With header, metadata, payload and padding.
  uint64_t total_size() const;
  uint64_t payload_at() const { return kRecordHeaderSize + metadata_size; }
  bool operator==(const RecordHeader&) const = default;
};

// Bytes that stand between header and payload.
uint64_t MetadataSize(std::string_view encoded, uint64_t lanes);
uint64_t RecordSize(uint64_t metadata_size, uint64_t stored_size);

// Appends header, metadata and lanes to `out`. Sets metadata_size and kFlagLanes accordingly.
void EncodeRecordHeader(RecordHeader header, std::string_view metadata, uint64_t salt,
                        std::string* out);
// The fields if `bytes` (kRecordHeaderSize at least) begin with this salt's marker and no field is
// impossible. Whether it really is a record, CheckRecordHeader says.
std::optional<RecordHeader> PeekRecordHeader(ByteSpan bytes, uint64_t salt);
// `bytes`: header and metadata.
bool CheckRecordHeader(ByteSpan bytes, uint64_t salt);
// Takes the lanes from `bytes` (header and metadata, checked) into the header; returns the encoded
// metadata.
std::string_view TakeMetadata(ByteSpan bytes, RecordHeader* header);

uint32_t PayloadCrc(const Rope& payload, Position position, uint64_t salt);
// The same from Crc32c of the payload, for who knew the bytes before their place.
uint32_t PayloadCrc(uint32_t body_crc, uint64_t size, Position position, uint64_t salt);
uint32_t PayloadCrcSeed(Position position, uint64_t salt);

// Empty for none.
std::string EncodeMetadata(const otlp::Metadata* metadata);
// Null for none. Errors: DATA_LOSS.
Result<std::shared_ptr<const otlp::Metadata>> DecodeMetadata(std::string_view bytes);

}  // namespace gapless::journal
