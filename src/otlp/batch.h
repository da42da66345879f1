// Batch: what flows through gapless. One serialized Export…ServiceRequest, validated and counted,
// never decoded.
//
// A value: cheap to copy (reference counts), immutable where shared, may cross threads.
#pragma once

#include "base/bytes.h"
#include "base/loop.h"
#include "otlp/signal.h"
#include "wire/compression.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::otlp {

// Client metadata (gRPC metadata, HTTP headers): lower-case names, sorted. Kept only where a
// component reads it.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The name under which the client's address is kept with the metadata of a stored request, where a
// processor behind the journal reads it. No header can have it.
inline constexpr std::string_view kClientAddressKey = ":client.address";

// Where a request came from, and what the waiting client wants; the latter is read where a request
// fails over inside the call (sending_queue off). Gone once the request was stored.
struct RequestContext {
  std::optional<TimePoint> deadline;
  // Without a port; the path of a unix socket; empty: unknown.
  std::string client_address;
  // Set by the receiver when the client left; read on any thread.
  std::atomic<bool> cancelled = false;
};

// Every lane of order.
inline constexpr uint64_t kAllLanes = ~uint64_t{0};

struct Batch {
  Signal signal = Signal::kTraces;
  // Spans, metric data points or log records.
  uint32_t items = 0;
  // How `body` is encoded: what the client sent stays compressed until somebody must look inside.
  wire::Codec codec = wire::Codec::kIdentity;
  Rope body;
  // Size of the body without compression, bytes.
  size_t raw_size = 0;
  // Which lanes of order its resources belong to: one bit per resource, by a hash of its attributes
  // (otlp/scan.h); 0: unknown.
  uint64_t lanes = 0;
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const RequestContext> context;
};

// `batch` with the address of its client in its metadata, if its context knows it.
Batch WithClientAddress(Batch batch);

// The same batch with an uncompressed body. Errors: INVALID_ARGUMENT, which a validated batch never
// gives.
Result<Batch> Inflate(Batch batch);

// `merged` becomes one request that holds the items of both: serialized requests of one signal are
// concatenated (an export request is one repeated field). Keeps the metadata of `merged`; its lanes
// become those of both.
// Precondition: one signal, uncompressed bodies.
void MergeInto(Batch& merged, Batch next);

}  // namespace gapless::otlp
