// The codecs behind compression.h, one pair per format. Same contracts as there; levels are already
// checked.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <cstddef>
#include <optional>

namespace gapless::wire {

enum class DeflateFormat : uint8_t { kGzip, kZlib };

Result<Rope> DeflateFast(DeflateFormat format, const Rope& input);
Result<Rope> DeflateSmall(DeflateFormat format, int level, const Rope& input);
Result<Rope> Inflate(DeflateFormat format, const Rope& input, size_t limit);

// See ClaimedSize of compression.h; `begin` holds the first bytes, `end` the last four.
std::optional<size_t> ZstdClaim(ByteSpan begin);
std::optional<size_t> SnappyClaim(ByteSpan begin);
size_t GzipClaim(ByteSpan end);

Result<Rope> ZstdCompress(int level, const Rope& input);
Result<Rope> ZstdDecompress(const Rope& input, size_t limit);

Result<Rope> SnappyCompress(const Rope& input);
Result<Rope> SnappyDecompress(const Rope& input, size_t limit);
Result<Rope> SnappyFramedCompress(const Rope& input);
Result<Rope> SnappyFramedDecompress(const Rope& input, size_t limit);
bool LooksSnappyFramed(const Rope& input);

Result<Rope> Lz4Compress(const Rope& input);
Result<Rope> Lz4Decompress(const Rope& input, size_t limit);

// RESOURCE_EXHAUSTED: the output would be larger than `limit`.
Status OverLimit(size_t limit);
// INVALID_ARGUMENT: "corrupt <format> data: <why>".
Status Corrupt(std::string_view format, std::string_view why);

}  // namespace gapless::wire
