// Intake: what happens to a request once its bytes are here, whatever the transport: decompress,
// validate, count, hand to the pipeline, keep the books.
//
// Large and compressed bodies are unpacked on a thread of the receiver's own, so that nobody else's
// request waits for them on a worker. Immutable after construction; any worker. Answers come on the
// worker that called.
#pragma once

#include "net/http/http_handler.h"
#include "otlp/batch.h"
#include "pipeline/component.h"
#include "pipeline/factory.h"
#include "receiver/otlp/refusals.h"
#include "receiver/otlp/unpack.h"
#include "telemetry/metrics.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::otlp_receiver {

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

// Where an intake unpacks what takes long, and whom it tells of refusals.
struct IntakeHelpers {
  // Outlives the requests. Null: the worker does everything.
  net::Worker* unpacker = nullptr;
  std::shared_ptr<Refusals> refusals;  // null: nobody
};

class Intake : public std::enable_shared_from_this<Intake> {
 public:
  // `transport`: "grpc" or "http", a label. In kFarewell the outputs only say which signals there
  // were; they may be gone.
  Intake(const pipeline::Settings& settings, std::string_view transport,
         const pipeline::Outputs& outputs, size_t max_bytes, Mode mode = Mode::kServe,
         IntakeHelpers helpers = {});

  bool Serves(otlp::Signal signal) const {
    return outputs_[static_cast<size_t>(signal)] != nullptr;
  }
  // Precondition: Serves(request.signal). `done` is called exactly once, with what ForClient makes
  // of the outcome.
  void Take(Request request, std::move_only_function<void(Status)> done) const;

 private:
  using Done = std::move_only_function<void(Status)>;
  // Requests that wait to be unpacked; more are told to come again.
  static constexpr size_t kMaxWaiting = 64;

  void UnpackElsewhere(Request request, Done done) const;
  // The worker's thread again.
  void OnUnpacked(otlp::Signal signal, Result<otlp::Batch> batch, net::BodyCharge memory,
                  Done done) const;

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
  const IntakeHelpers helpers_;
  std::array<Books, otlp::kSignals.size()> books_;
  mutable std::atomic<size_t> waiting_{0};
};

}  // namespace gapless::otlp_receiver
