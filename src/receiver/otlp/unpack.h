// Unpack: from the bytes of a request to a batch. What a body becomes is charged before it is made,
// and limited by the size of the body as sent. Pure but for the charge; any thread.
#pragma once

#include "net/http/body_budget.h"
#include "otlp/batch.h"

#include <cstddef>
#include <memory>
#include <optional>

namespace gapless::net {
class Worker;
}

namespace gapless::otlp_receiver {

struct Request {
  otlp::Signal signal = otlp::Signal::kTraces;
  Rope body = {};  // as sent
  wire::Codec codec = wire::Codec::kIdentity;
  bool json = false;
  std::shared_ptr<const otlp::Metadata> metadata = {};
  std::shared_ptr<const otlp::RequestContext> context = {};
  // For what the body becomes, until the answer.
  net::BodyCharge memory = {};
  // Where the answer belongs. Null: the caller's thread does everything.
  net::Worker* worker = nullptr;
};

// A body may become so large whatever its size, and above it so many times its size.
inline constexpr size_t kFreeInflated = size_t{4} << 20;
inline constexpr size_t kMaxRatio = 200;

// There is no room for what a body becomes: UNAVAILABLE.
Status NoRoom();
// Decompresses, validates and counts. `max_bytes` bounds the body after decompression.
// A gzip or zstd body stays as it came, so that it can leave again without recompression; other
// codecs are undone. Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED above a limit; UNAVAILABLE where
// there is no room for it. The charge is then empty, and else what the batch holds beside the body.
Result<otlp::Batch> Unpack(Request& request, size_t max_bytes);
// The same where it is quick; nullopt, and nothing has changed, where it would take milliseconds.
std::optional<Result<otlp::Batch>> UnpackQuickly(Request& request, size_t max_bytes);

}  // namespace gapless::otlp_receiver
