#include "journal/segment_format.h"

#include "journal/encoding.h"
#include "wire/checksum.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr std::string_view kMagic = "GAPLSEG\n";
constexpr size_t kRecordCrcAt = 52;

uint32_t Upper(uint64_t value) { return static_cast<uint32_t>(value >> 32); }
uint32_t Lower(uint64_t value) { return static_cast<uint32_t>(value); }

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string out(kMagic);
  PutNumber(&out, kFormatVersion);
  PutNumber(&out, uint32_t{0});
  PutNumber(&out, header.journal_id);
  PutNumber(&out, header.salt);
  PutNumber(&out, header.sequence);
  PutNumber(&out, header.first_position);
  PutNumber(&out, header.created_ns);
  PutNumber(&out, uint32_t{0});
  PutNumber(&out, wire::Crc32c(AsBytes(out)));
  return out;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderSize || !bytes.starts_with(kMagic)) {
    return DataLoss("the segment header is damaged");
  }
  NumberReader reader(bytes.substr(kMagic.size(), kSegmentHeaderSize - kMagic.size()));
  const uint32_t version = reader.Take<uint32_t>();
  reader.Take<uint32_t>();
  SegmentHeader header;
  header.journal_id = reader.Take<uint64_t>();
  header.salt = reader.Take<uint64_t>();
  header.sequence = reader.Take<uint64_t>();
  header.first_position = reader.Take<uint64_t>();
  header.created_ns = reader.Take<int64_t>();
  reader.Take<uint32_t>();
  const uint32_t crc = reader.Take<uint32_t>();
  if (crc != wire::Crc32c(AsBytes(bytes.substr(0, kSegmentHeaderSize - sizeof crc))) ||
      header.first_position > kPositionMax) {
    return DataLoss("the segment header is damaged");
  }
  if (version != kFormatVersion) {
    return FailedPrecondition(
        fmt::format("format {} is newer than format {}, which this version of gapless reads",
                    version, kFormatVersion));
  }
  return header;
}

// `bytes`: header and what stands between it and the payload.
uint32_t RecordHeaderCrc(ByteSpan bytes, uint64_t salt) {
  const uint32_t head = wire::Crc32c(bytes.first(kRecordCrcAt), Lower(salt));
  return wire::Crc32c(bytes.subspan(kRecordHeaderSize), head);
}

}  // namespace

uint64_t ValidSalt(uint64_t random) {
  return Upper(random) == 0 ? random | (uint64_t{1} << 32) : random;
}

std::string EncodeSegmentStart(const SegmentHeader& header) {
  std::string out = EncodeSegmentHeader(header);
  const std::string copy = out;
  out.resize(kSegmentHeaderCopyAt, '\0');
  out += copy;
  out.resize(kSegmentDataAt, '\0');
  return out;
}

Result<SegmentHeader> DecodeSegmentStart(ByteSpan start) {
  if (std::ranges::all_of(start, [](std::byte b) { return b == std::byte{0}; })) {
    return NotFound("the segment was never used");
  }
  const std::string_view text = AsText(start);
  Result<SegmentHeader> first = DecodeSegmentHeader(text);
  Result<SegmentHeader> second = DecodeSegmentHeader(
      text.size() > kSegmentHeaderCopyAt ? text.substr(kSegmentHeaderCopyAt) : std::string_view());
  if (first.ok() && second.ok()) {
    return first->sequence >= second->sequence ? first : second;
  }
  if (first.ok() || second.ok()) {
    return first.ok() ? first : second;
  }
  return second.status().code() == Code::kFailedPrecondition ? second : first;
}

uint64_t MetadataSize(std::string_view encoded, uint64_t lanes) {
  return encoded.size() + (lanes == otlp::kAllLanes ? 0 : sizeof lanes);
}

uint64_t RecordSize(uint64_t metadata_size, uint64_t stored_size) {
  const uint64_t size = kRecordHeaderSize + metadata_size + stored_size;
  return (size + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

uint64_t RecordHeader::total_size() const { return RecordSize(metadata_size, stored_size); }

void EncodeRecordHeader(RecordHeader header, std::string_view metadata, uint64_t salt,
                        std::string* out) {
  const size_t start = out->size();
  PutNumber(out, Upper(salt));
  PutNumber(out, static_cast<uint32_t>(MetadataSize(metadata, header.lanes)));
  PutNumber(out, header.position);
  PutNumber(out, header.arrival_ns);
  PutNumber(out, header.stored_size);
  PutNumber(out, header.raw_size);
  PutNumber(out, header.items);
  PutNumber(out, static_cast<uint8_t>(header.kind));
  PutNumber(out, static_cast<uint8_t>(header.signal));
  PutNumber(out, static_cast<uint8_t>(header.codec));
  const bool lanes = header.lanes != otlp::kAllLanes;
  const auto other_flags = static_cast<uint8_t>(header.flags & ~kFlagLanes);
  PutNumber(out, static_cast<uint8_t>(other_flags | (lanes ? kFlagLanes : 0)));
  PutNumber(out, header.payload_crc);
  const size_t crc_at = out->size();
  PutNumber(out, uint32_t{0});
  out->append(metadata);
  if (lanes) {
    PutNumber(out, header.lanes);
  }
  const ByteSpan all = AsBytes(std::string_view(*out).substr(start));
  const uint32_t crc = RecordHeaderCrc(all, salt);
  std::memcpy(out->data() + crc_at, &crc, sizeof crc);
}

std::optional<RecordHeader> PeekRecordHeader(ByteSpan bytes, uint64_t salt) {
  NumberReader reader(AsText(bytes));
  if (reader.Take<uint32_t>() != Upper(salt)) {
    return std::nullopt;
  }
  RecordHeader header;
  header.metadata_size = reader.Take<uint32_t>();
  header.position = reader.Take<uint64_t>();
  header.arrival_ns = reader.Take<int64_t>();
  header.stored_size = reader.Take<uint64_t>();
  header.raw_size = reader.Take<uint64_t>();
  header.items = reader.Take<uint32_t>();
  const uint8_t kind = reader.Take<uint8_t>();
  const uint8_t signal = reader.Take<uint8_t>();
  const uint8_t codec = reader.Take<uint8_t>();
  header.flags = reader.Take<uint8_t>();
  header.payload_crc = reader.Take<uint32_t>();
  const bool possible =
      reader.ok() && (kind == 1 || kind == 2) && signal <= 2 && codec <= 6 &&
      header.metadata_size <= kMetadataSizeMax && header.stored_size <= kStoredSizeMax &&
      header.raw_size <= kRawSizeMax && header.position <= kPositionMax &&
      (header.position > 0 || kind == 2) &&
      ((header.flags & kFlagLanes) == 0 || header.metadata_size >= sizeof header.lanes);
  if (!possible) {
    return std::nullopt;
  }
  header.kind = static_cast<RecordKind>(kind);
  header.signal = static_cast<otlp::Signal>(signal);
  header.codec = static_cast<wire::Codec>(codec);
  return header;
}

bool CheckRecordHeader(ByteSpan bytes, uint64_t salt) {
  uint32_t stored = 0;
  std::memcpy(&stored, bytes.data() + kRecordCrcAt, sizeof stored);
  return stored == RecordHeaderCrc(bytes, salt);
}

std::string_view TakeMetadata(ByteSpan bytes, RecordHeader* header) {
  std::string_view metadata = AsText(bytes.subspan(kRecordHeaderSize));
  if ((header->flags & kFlagLanes) != 0) {
    const size_t at = metadata.size() - sizeof header->lanes;
    header->lanes = NumberReader(metadata.substr(at)).Take<uint64_t>();
    metadata = metadata.substr(0, at);
  }
  return metadata;
}

uint32_t PayloadCrcSeed(Position position, uint64_t salt) { return Lower(salt) ^ Lower(position); }

uint32_t PayloadCrc(const Rope& payload, Position position, uint64_t salt) {
  return wire::Crc32c(payload, PayloadCrcSeed(position, salt));
}

uint32_t PayloadCrc(uint32_t body_crc, uint64_t size, Position position, uint64_t salt) {
  return body_crc ^ wire::Crc32cShift(PayloadCrcSeed(position, salt), size);
}

std::string EncodeMetadata(const otlp::Metadata* metadata) {
  std::string out;
  if (!metadata || metadata->empty()) {
    return out;
  }
  PutNumber(&out, static_cast<uint32_t>(metadata->size()));
  for (const auto& [name, value] : *metadata) {
    PutNumber(&out, static_cast<uint32_t>(name.size()));
    out += name;
    PutNumber(&out, static_cast<uint32_t>(value.size()));
    out += value;
  }
  return out;
}

Result<std::shared_ptr<const otlp::Metadata>> DecodeMetadata(std::string_view bytes) {
  if (bytes.empty()) {
    return std::shared_ptr<const otlp::Metadata>();
  }
  NumberReader reader(bytes);
  const uint32_t count = reader.Take<uint32_t>();
  auto metadata = std::make_shared<otlp::Metadata>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    std::string name(reader.TakeBytes(reader.Take<uint32_t>()));
    std::string value(reader.TakeBytes(reader.Take<uint32_t>()));
    metadata->emplace_back(std::move(name), std::move(value));
  }
  if (!reader.ok() || reader.left() > 0) {
    return DataLoss("the metadata of a record is damaged");
  }
  return std::shared_ptr<const otlp::Metadata>(std::move(metadata));
}

}  // namespace gapless::journal
