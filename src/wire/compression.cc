#include "wire/compression.h"

#include "wire/codecs.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace gapless::wire {
namespace {

constexpr std::pair<std::string_view, Codec> kNames[] = {
    {"", Codec::kIdentity},
    {"identity", Codec::kIdentity},
    {"gzip", Codec::kGzip},
    {"zstd", Codec::kZstd},
    {"snappy", Codec::kSnappy},
    {"zlib", Codec::kZlib},
    {"deflate", Codec::kZlib},
    {"lz4", Codec::kLz4},
    {"x-snappy-framed", Codec::kSnappyFramed},
};

constexpr int kMaxZstdLevel = 19;

}  // namespace

Status OverLimit(size_t limit) {
  return ResourceExhausted(fmt::format("decompressed size is above the limit of {} bytes", limit));
}

Status Corrupt(std::string_view format, std::string_view why) {
  return InvalidArgument(fmt::format("corrupt {} data: {}", format, why));
}

Result<Codec> ParseCodec(std::string_view name) {
  for (const auto& [known, codec] : kNames) {
    if (name == known) {
      return codec;
    }
  }
  return InvalidArgument(fmt::format("unsupported compression type \"{}\"", name.substr(0, 64)));
}

std::string_view CodecName(Codec codec) {
  switch (codec) {
    case Codec::kIdentity:
      return "identity";
    case Codec::kGzip:
      return "gzip";
    case Codec::kZstd:
      return "zstd";
    case Codec::kSnappy:
      return "snappy";
    case Codec::kZlib:
      return "zlib";
    case Codec::kLz4:
      return "lz4";
    case Codec::kSnappyFramed:
      return "x-snappy-framed";
  }
  return "";
}

std::string_view ContentEncoding(Codec codec) {
  switch (codec) {
    case Codec::kIdentity:
      return "";
    case Codec::kZlib:
      return "deflate";
    case Codec::kGzip:
    case Codec::kZstd:
    case Codec::kSnappy:
    case Codec::kLz4:
    case Codec::kSnappyFramed:
      break;
  }
  return CodecName(codec);
}

Status CheckLevel(Codec codec, int level) {
  switch (codec) {
    case Codec::kGzip:
    case Codec::kZlib:
      if (level < -2 || level > 9) {
        return InvalidArgument(fmt::format("unsupported compression level {} for {}: -2 to 9",
                                           level, CodecName(codec)));
      }
      return OkStatus();
    case Codec::kZstd:
      return OkStatus();
    case Codec::kIdentity:
    case Codec::kSnappy:
    case Codec::kLz4:
    case Codec::kSnappyFramed:
      break;
  }
  return level == kDefaultLevel
             ? OkStatus()
             : InvalidArgument(fmt::format("{} has no compression levels", CodecName(codec)));
}

Result<Rope> Compress(Codec codec, int level, const Rope& input) {
  RETURN_IF_ERROR(CheckLevel(codec, level));
  switch (codec) {
    case Codec::kIdentity:
      return input;
    case Codec::kGzip:
    case Codec::kZlib: {
      const auto format = codec == Codec::kGzip ? DeflateFormat::kGzip : DeflateFormat::kZlib;
      return level == 0 || level == -1 ? DeflateFast(format, input)
                                       : DeflateSmall(format, level, input);
    }
    case Codec::kZstd:
      return ZstdCompress(std::clamp(level, 1, kMaxZstdLevel), input);
    case Codec::kSnappy:
      return SnappyCompress(input);
    case Codec::kLz4:
      return Lz4Compress(input);
    case Codec::kSnappyFramed:
      return SnappyFramedCompress(input);
  }
  return Internal("unknown codec");
}

std::optional<size_t> ClaimedSize(Codec codec, const Rope& input) {
  constexpr size_t kEnd = 4;
  std::array<std::byte, 32> buffer;
  const size_t size = std::min(buffer.size(), input.size());
  input.Sub(0, size).CopyTo(buffer.data());
  const ByteSpan begin(buffer.data(), size);
  switch (codec) {
    case Codec::kIdentity:
      return input.size();
    case Codec::kGzip:
      if (input.size() < kEnd) {
        return std::nullopt;
      }
      input.Sub(input.size() - kEnd, kEnd).CopyTo(buffer.data());
      return GzipClaim(ByteSpan(buffer.data(), kEnd));
    case Codec::kZstd:
      return ZstdClaim(begin);
    case Codec::kSnappy:
      return LooksSnappyFramed(input) ? std::nullopt : SnappyClaim(begin);
    case Codec::kZlib:
    case Codec::kLz4:
    case Codec::kSnappyFramed:
      break;
  }
  return std::nullopt;
}

Result<Rope> Decompress(Codec codec, const Rope& input, size_t limit) {
  switch (codec) {
    case Codec::kIdentity:
      if (input.size() > limit) {
        return OverLimit(limit);
      }
      return input;
    case Codec::kGzip:
      return Inflate(DeflateFormat::kGzip, input, limit);
    case Codec::kZlib:
      return Inflate(DeflateFormat::kZlib, input, limit);
    case Codec::kZstd:
      return ZstdDecompress(input, limit);
    case Codec::kSnappy:
      return LooksSnappyFramed(input) ? SnappyFramedDecompress(input, limit)
                                      : SnappyDecompress(input, limit);
    case Codec::kLz4:
      return Lz4Decompress(input, limit);
    case Codec::kSnappyFramed:
      return SnappyFramedDecompress(input, limit);
  }
  return Internal("unknown codec");
}

}  // namespace gapless::wire
