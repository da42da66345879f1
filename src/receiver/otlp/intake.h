// Intake: what happens to a request once its bytes are here, whatever the transport: decompress,
// validate, count, hand to the pipeline, keep the books.
//
// Immutable after construction; any worker. Answers come on the worker that called.
#pragma once

#include "net/http/http_handler.h"
#include "otlp/batch.h"
#include "pipeline/component.h"
#include "pipeline/factory.h"
#include "telemetry/metrics.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::otlp_receiver {

struct Request {
  otlp::Signal signal = otlp::Signal::kTraces;
  Rope body;  // as sent
  wire::Codec codec = wire::Codec::kIdentity;
  bool json = false;
  std::shared_ptr<const otlp::Metadata> metadata;
  std::shared_ptr<const otlp::RequestContext> context;
};

// Decompresses, validates and counts. `max_bytes` bounds the body after decompression.
// A gzip or zstd body stays as it came, so that it can leave again without recompression; other
// codecs are undone. Errors: INVALID_ARGUMENT, or RESOURCE_EXHAUSTED above the limit.
Result<otlp::Batch> ToBatch(Request request, size_t max_bytes);

// What a client is told. A refusal of ours that may be repeated carries a code that clients repeat
// (UNAVAILABLE for those that they do not, such as RESOURCE_EXHAUSTED or what a disk said) and a
// delay (OTLP specification 1.9, "OTLP/gRPC Throttling" and "OTLP/HTTP Throttling"). What a backend
// said is passed on as it is.
Status ForClient(Status status);

// The refusal of a server that holds as many request bodies as it may.
Status TooManyRequests();

// Header names in lower case, sorted, and the authority as "host" and ":authority".
std::shared_ptr<const otlp::Metadata> MakeMetadata(const net::HttpHeaders& headers,
                                                   std::string_view authority);

// Without the port; an IPv4 address that came over IPv6 as itself.
std::string ClientAddress(const net::PeerInfo& peer);

// What an intake does with requests.
enum class Mode : uint8_t {
  kServe,
  kFarewell,  // refuses them all, as the receiver has ended
};

class Intake {
 public:
  // `transport`: "grpc" or "http", a label. In kFarewell the outputs only say which signals there
  // were; they may be gone.
  Intake(const pipeline::Settings& settings, std::string_view transport,
         const pipeline::Outputs& outputs, size_t max_bytes, Mode mode = Mode::kServe);

  bool Serves(otlp::Signal signal) const {
    return outputs_[static_cast<size_t>(signal)] != nullptr;
  }
  // Precondition: Serves(request.signal). `done` is called exactly once, with what ForClient makes
  // of the outcome.
  void Take(Request request, std::move_only_function<void(Status)> done) const;

 private:
  struct Books {
    telemetry::Counter accepted;
    telemetry::Counter refused;
    // Shown for rules that add it to `refused`; upstream counts nothing there by default either.
    telemetry::Counter failed;
  };
  const pipeline::Outputs outputs_;
  const size_t max_bytes_;
  const Mode mode_;
  const Code too_large_;  // what a body above the limit is, by transport
  std::array<Books, otlp::kSignals.size()> books_;
};

}  // namespace gapless::otlp_receiver
