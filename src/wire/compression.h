// The codecs of OTLP transports: gRPC message encodings and HTTP content encodings.
//
// Pure functions, any thread; each thread keeps its own reusable codec state (at most about 1 MiB).
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gapless::wire {

enum class Codec : uint8_t {
  kIdentity,
  kGzip,          // RFC 1952
  kZstd,          // RFC 8878
  kSnappy,        // one raw block; decompression also takes the framed format
  kZlib,          // RFC 1950; "deflate" in HTTP (RFC 9110 section 8.4.1.2)
  kLz4,           // LZ4 frame
  kSnappyFramed,  // snappy framing format, "x-snappy-framed"
};

// Content-Encoding or grpc-encoding value; "" and "identity" are kIdentity, "deflate" is kZlib.
// INVALID_ARGUMENT for anything else.
Result<Codec> ParseCodec(std::string_view name);
// "identity", "gzip", "zstd", "snappy", "zlib", "lz4", "x-snappy-framed".
std::string_view CodecName(Codec codec);
// The name on the wire: as CodecName, but "deflate" for kZlib and "" for kIdentity.
std::string_view ContentEncoding(Codec codec);

// What an absent level means: fast.
inline constexpr int kDefaultLevel = 0;

// OK if the codec takes this level. gzip and zlib: -2 (Huffman only) to 9, where -1 and 0 are the
// default; zstd: any, brought into 1..19; the others have none, so only kDefaultLevel.
Status CheckLevel(Codec codec, int level);

// gzip and zlib: the default level is ISA-L's level 1, an explicit one zlib's (ten times slower, 10
// % smaller); zstd: the default is 1. Errors: INVALID_ARGUMENT for a bad level, RESOURCE_EXHAUSTED
// for input that the format cannot hold.
Result<Rope> Compress(Codec codec, int level, const Rope& input);

// What a compressed input says of the size of its content: not to be trusted. Nullopt: it says
// nothing.
std::optional<size_t> ClaimedSize(Codec codec, const Rope& input);

// The whole input, which must be complete and hold nothing more. `limit`: bytes of output at most.
// Errors: RESOURCE_EXHAUSTED when the output would pass the limit (memory use stays near the limit
// whatever the input claims), INVALID_ARGUMENT for corrupt or truncated input. kIdentity passes the
// input through, under the same limit.
Result<Rope> Decompress(Codec codec, const Rope& input, size_t limit);

}  // namespace gapless::wire
