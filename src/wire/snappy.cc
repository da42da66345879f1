// Snappy: the raw block (https://github.com/google/snappy/blob/main/format_description.txt) and the
// framing format (https://github.com/google/snappy/blob/main/framing_format.txt).
#include "wire/checksum.h"
#include "wire/codecs.h"
#include "wire/output_buffer.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <snappy.h>

namespace gapless::wire {
namespace {

constexpr std::string_view kStreamId("\xff\x06\x00\x00sNaPpY", 10);
constexpr size_t kMaxFrame = 65536;  // bytes of content in a chunk
constexpr size_t kChunkHeader = 4;
constexpr size_t kChunkCrc = 4;
// A copy element of three bytes makes 64 bytes at most.
constexpr size_t kMaxRatio = 22;

enum ChunkType : uint8_t { kCompressed = 0x00, kUncompressed = 0x01, kFirstSkippable = 0x80 };

const char* Chars(const std::byte* p) { return reinterpret_cast<const char*>(p); }
char* Chars(std::byte* p) { return reinterpret_cast<char*>(p); }

uint32_t MaskedCrc(ByteSpan bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

Rope Trimmed(SlabRef slab, size_t size) {
  const std::byte* data = slab->data();
  if (size < slab->capacity() / 2) {
    return Rope(Slice::CopyOf(ByteSpan(data, size)));
  }
  return Rope(Slice(std::move(slab), data, size));
}

void AppendChunk(ByteSpan content, OutputBuffer& out, std::byte* scratch) {
  size_t size = 0;
  snappy::RawCompress(Chars(content.data()), content.size(), Chars(scratch), &size);
  const bool worth = size < content.size() - content.size() / 8;
  const ByteSpan body = worth ? ByteSpan(scratch, size) : content;
  const auto length = static_cast<uint32_t>(body.size() + kChunkCrc);
  const uint32_t header = (length << 8) | (worth ? kCompressed : kUncompressed);
  const uint32_t crc = MaskedCrc(content);
  out.Append(std::as_bytes(std::span(&header, 1)));
  out.Append(std::as_bytes(std::span(&crc, 1)));
  out.Append(body);
}

// The content of one compressed or plain chunk, checksum first.
Status AppendContent(ByteSpan body, bool compressed, OutputBuffer& out, std::byte* scratch) {
  if (body.size() < kChunkCrc) {
    return Corrupt("snappy", "chunk without checksum");
  }
  uint32_t crc = 0;
  std::memcpy(&crc, body.data(), sizeof crc);
  ByteSpan content = body.subspan(kChunkCrc);
  if (compressed) {
    size_t size = 0;
    if (!snappy::GetUncompressedLength(Chars(content.data()), content.size(), &size) ||
        size > kMaxFrame ||
        !snappy::RawUncompress(Chars(content.data()), content.size(), Chars(scratch))) {
      return Corrupt("snappy", "invalid chunk");
    }
    content = {scratch, size};
  } else if (content.size() > kMaxFrame) {
    return Corrupt("snappy", "chunk too large");
  }
  if (MaskedCrc(content) != crc) {
    return Corrupt("snappy", "checksum mismatch");
  }
  out.Append(content);
  return OkStatus();
}

}  // namespace

std::optional<size_t> SnappyClaim(ByteSpan begin) {
  size_t size = 0;
  return snappy::GetUncompressedLength(Chars(begin.data()), begin.size(), &size)
             ? std::optional(size)
             : std::nullopt;
}

bool LooksSnappyFramed(const Rope& input) {
  if (input.size() < kStreamId.size()) {
    return false;
  }
  return input.Sub(0, kStreamId.size()).Flatten().text() == kStreamId;
}

Result<Rope> SnappyCompress(const Rope& input) {
  if (input.size() > UINT32_MAX) {
    return ResourceExhausted("snappy holds at most 4 GiB");
  }
  const Slice flat = input.Flatten();
  SlabRef slab(Slab::New(snappy::MaxCompressedLength(flat.size())));
  size_t size = 0;
  snappy::RawCompress(Chars(flat.data()), flat.size(), Chars(slab->data()), &size);
  return Trimmed(std::move(slab), size);
}

Result<Rope> SnappyDecompress(const Rope& input, size_t limit) {
  const Slice flat = input.Flatten();
  size_t size = 0;
  if (!snappy::GetUncompressedLength(Chars(flat.data()), flat.size(), &size) ||
      size / kMaxRatio > flat.size()) {
    return Corrupt("snappy", "invalid length");
  }
  if (size > limit) {
    return OverLimit(limit);
  }
  SlabRef slab(Slab::New(size));
  if (!snappy::RawUncompress(Chars(flat.data()), flat.size(), Chars(slab->data()))) {
    return Corrupt("snappy", "invalid block");
  }
  return Trimmed(std::move(slab), size);
}

Result<Rope> SnappyFramedCompress(const Rope& input) {
  const Slice flat = input.Flatten();
  OutputBuffer out(input.size() / 2, SIZE_MAX);
  out.Append(AsBytes(kStreamId));
  SlabRef scratch(Slab::New(snappy::MaxCompressedLength(kMaxFrame)));
  for (ByteSpan rest = flat.span(); !rest.empty();) {
    const ByteSpan content = rest.first(std::min(rest.size(), kMaxFrame));
    AppendChunk(content, out, scratch->data());
    rest = rest.subspan(content.size());
  }
  return out.Take();
}

Result<Rope> SnappyFramedDecompress(const Rope& input, size_t limit) {
  const Slice flat = input.Flatten();
  if (!flat.text().starts_with(kStreamId)) {
    return Corrupt("snappy", "no stream identifier");
  }
  OutputBuffer out(std::min(limit, 2 * input.size()), limit);
  SlabRef scratch(Slab::New(kMaxFrame));
  for (ByteSpan rest = flat.span(); !rest.empty();) {
    if (rest.size() < kChunkHeader) {
      return Corrupt("snappy", "unexpected end");
    }
    uint32_t header = 0;
    std::memcpy(&header, rest.data(), sizeof header);
    const auto type = static_cast<uint8_t>(header);
    const size_t size = header >> 8;
    if (size > rest.size() - kChunkHeader) {
      return Corrupt("snappy", "unexpected end");
    }
    const ByteSpan body = rest.subspan(kChunkHeader, size);
    rest = rest.subspan(kChunkHeader + size);
    if (type == kCompressed || type == kUncompressed) {
      RETURN_IF_ERROR(AppendContent(body, type == kCompressed, out, scratch->data()));
    } else if (type < kFirstSkippable) {
      return Corrupt("snappy", "unknown chunk");
    } else if (type == 0xff && AsText(body) != kStreamId.substr(kChunkHeader)) {
      return Corrupt("snappy", "invalid stream identifier");
    }
    if (out.over_limit()) {
      return OverLimit(limit);
    }
  }
  return out.Take();
}

}  // namespace gapless::wire
