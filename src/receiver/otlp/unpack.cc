#include "receiver/otlp/unpack.h"

#include "fmt/format.h"
#include "otlp/json_decode.h"
#include "otlp/scan.h"
#include "wire/compression.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gapless::otlp_receiver {
namespace {

// What is done at once: so much of a body that is only walked, and of one that is made of another.
constexpr size_t kQuickWalk = size_t{2} << 20;
constexpr size_t kQuickText = size_t{256} << 10;
constexpr size_t kQuickSent = size_t{64} << 10;
// Of formats that do not tell the size of their content.
constexpr size_t kGuessedRatio = 16;
constexpr size_t kLeastGuess = size_t{16} << 10;

// Whether all of the content comes from the only gzip member: its trailer holds the size (RFC 1952
// section 2.3.1). Some readers drop what follows the first member, so other bodies are not passed
// on as they are.
bool IsOneGzipMember(const Rope& body, size_t raw_size) {
  const std::optional<size_t> claim = wire::ClaimedSize(wire::Codec::kGzip, body);
  return claim && *claim == static_cast<uint32_t>(raw_size);
}

bool StaysCompressed(wire::Codec codec, const Rope& body, size_t raw_size) {
  return codec == wire::Codec::kZstd ||
         (codec == wire::Codec::kGzip && IsOneGzipMember(body, raw_size));
}

size_t Expected(const Request& request) {
  return wire::ClaimedSize(request.codec, request.body)
      .value_or(std::max(request.body.size() * kGuessedRatio, kLeastGuess));
}

// With the charge for what comes out.
Result<Rope> Inflate(Request& request, size_t limit) {
  request.memory.Resize(0);
  if (!request.memory.TryAdd(limit)) {
    return NoRoom();
  }
  Result<Rope> raw = wire::Decompress(request.codec, request.body, limit);
  request.memory.Resize(raw.ok() ? raw->size() : 0);
  return raw;
}

// First for as much as the body claims, which may be a lie.
Result<Rope> InflateAll(Request& request, size_t max_bytes) {
  const size_t allowed = std::max(kFreeInflated, request.body.size() * kMaxRatio);
  const size_t limit = std::min(allowed, max_bytes);
  const size_t expected = std::min(limit, Expected(request));
  Result<Rope> raw = Inflate(request, expected);
  if (raw.status().code() == Code::kResourceExhausted && expected < limit) {
    raw = Inflate(request, limit);
  }
  if (raw.status().code() == Code::kResourceExhausted && limit < max_bytes) {
    return ResourceExhausted(
        fmt::format("decompressed size is above {} bytes and {} times the compressed size",
                    kFreeInflated, kMaxRatio));
  }
  return raw;
}

// `raw`: the body without compression.
Result<otlp::Batch> Walk(Request& request, Rope raw) {
  if (request.json) {
    ASSIGN_OR_RETURN(raw, otlp::DecodeJson(raw, request.signal));
    request.memory.Resize(raw.size());
  }
  ASSIGN_OR_RETURN(const otlp::ScanResult scan, otlp::Scan(raw, request.signal));
  otlp::Batch batch;
  batch.signal = request.signal;
  batch.items = static_cast<uint32_t>(scan.items);
  batch.raw_size = raw.size();
  batch.lanes = scan.lanes;
  if (!request.json && StaysCompressed(request.codec, request.body, raw.size())) {
    batch.codec = request.codec;
    batch.body = std::move(request.body);
    request.memory.Resize(0);
  } else {
    batch.body = std::move(raw);
  }
  batch.metadata = std::move(request.metadata);
  batch.context = std::move(request.context);
  return batch;
}

Result<otlp::Batch> WalkOrGiveBack(Request& request, Rope raw) {
  Result<otlp::Batch> batch = Walk(request, std::move(raw));
  if (!batch.ok()) {
    request.memory.Resize(0);
  }
  return batch;
}

}  // namespace

Status NoRoom() { return Unavailable("the receiver holds as many requests as it may"); }

Result<otlp::Batch> Unpack(Request& request, size_t max_bytes) {
  Rope raw = request.body;
  if (request.codec != wire::Codec::kIdentity) {
    ASSIGN_OR_RETURN(raw, InflateAll(request, max_bytes));
  }
  return WalkOrGiveBack(request, std::move(raw));
}

std::optional<Result<otlp::Batch>> UnpackQuickly(Request& request, size_t max_bytes) {
  if (request.codec == wire::Codec::kIdentity) {
    if (request.body.size() > (request.json ? kQuickText : kQuickWalk)) {
      return std::nullopt;
    }
    return WalkOrGiveBack(request, request.body);
  }
  const size_t expected = Expected(request);
  if (expected > kQuickText || request.body.size() > kQuickSent) {
    return std::nullopt;
  }
  const size_t limit = std::min(expected, max_bytes);
  Result<Rope> raw = Inflate(request, limit);
  if (raw.ok()) {
    return WalkOrGiveBack(request, *std::move(raw));
  }
  if (raw.status().code() == Code::kResourceExhausted && limit < max_bytes) {
    return std::nullopt;  // it is more than it claims
  }
  return raw.status();
}

}  // namespace gapless::otlp_receiver
