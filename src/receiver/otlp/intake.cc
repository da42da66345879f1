#include "receiver/otlp/intake.h"

#include "base/retry_delay.h"
#include "otlp/json_decode.h"
#include "otlp/scan.h"
#include "telemetry/inventory.h"
#include "wire/compression.h"

#include <algorithm>
#include <utility>

namespace gapless::otlp_receiver {
namespace {

// Whether all of the content comes from the only gzip member: its trailer holds the size (RFC 1952
// section 2.3.1). Some readers drop what follows the first member, so other bodies are not passed
// on as they are.
bool IsOneGzipMember(const Rope& body, size_t raw_size) {
  constexpr size_t kSizeBytes = 4;
  if (body.size() < kSizeBytes) {
    return false;
  }
  std::array<std::byte, kSizeBytes> trailer;
  body.Sub(body.size() - kSizeBytes, kSizeBytes).CopyTo(trailer.data());
  uint32_t size = 0;
  for (size_t i = kSizeBytes; i-- > 0;) {
    size = size << 8 | std::to_integer<uint32_t>(trailer[i]);
  }
  return size == static_cast<uint32_t>(raw_size);
}

bool StaysCompressed(wire::Codec codec, const Rope& body, size_t raw_size) {
  return codec == wire::Codec::kZstd ||
         (codec == wire::Codec::kGzip && IsOneGzipMember(body, raw_size));
}

}  // namespace

Result<otlp::Batch> ToBatch(Request request, size_t max_bytes) {
  Rope raw = request.body;
  if (request.codec != wire::Codec::kIdentity) {
    ASSIGN_OR_RETURN(raw, wire::Decompress(request.codec, request.body, max_bytes));
  }
  if (request.json) {
    ASSIGN_OR_RETURN(raw, otlp::DecodeJson(raw, request.signal));
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
  } else {
    batch.body = std::move(raw);
  }
  batch.metadata = std::move(request.metadata);
  batch.context = std::move(request.context);
  return batch;
}

Status ForClient(Status status) {
  if (status.origin() == Origin::kPeer || !status.retryable()) {
    return status;
  }
  const bool repeated_by_code = Status(status.code(), "").retryable();
  const Code code = repeated_by_code ? status.code() : Code::kUnavailable;
  return Status(code, status.message())
      .WithRetryAfter(status.retry_after().value_or(kClientRetryDelay));
}

Status TooManyRequests() {
  return ForClient(Unavailable("the receiver holds as many requests as it may"));
}

std::shared_ptr<const otlp::Metadata> MakeMetadata(const net::HttpHeaders& headers,
                                                   std::string_view authority) {
  auto metadata = std::make_shared<otlp::Metadata>();
  metadata->reserve(headers.size() + 2);
  for (const net::HttpHeader& header : headers) {
    metadata->emplace_back(header.name, header.value);
  }
  metadata->emplace_back(":authority", authority);
  metadata->emplace_back("host", authority);
  std::ranges::stable_sort(*metadata, {}, &otlp::Metadata::value_type::first);
  return metadata;
}

std::string ClientAddress(const net::PeerInfo& peer) {
  std::string address = peer.remote.HostString();
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.contains('.')) {
    address.erase(0, kMapped.size());
  }
  return address;
}

Intake::Intake(const pipeline::Settings& settings, std::string_view transport,
               const pipeline::Outputs& outputs, size_t max_bytes, Mode mode)
    : outputs_(outputs),
      max_bytes_(max_bytes),
      mode_(mode),
      too_large_(transport == "http" ? Code::kInvalidArgument : Code::kResourceExhausted) {
  constexpr auto kAccepted = telemetry::MetricsBySignal("otelcol_receiver_accepted_");
  constexpr auto kRefused = telemetry::MetricsBySignal("otelcol_receiver_refused_");
  constexpr auto kFailed = telemetry::MetricsBySignal("otelcol_receiver_failed_");
  const telemetry::Labels labels = {{"receiver", settings.id.ToString()},
                                    {"transport", std::string(transport)}};
  for (size_t i = 0; i < books_.size(); ++i) {
    if (outputs_[i] != nullptr) {
      books_[i] = {settings.metrics.GetCounter(*kAccepted[i], labels),
                   settings.metrics.GetCounter(*kRefused[i], labels),
                   settings.metrics.GetCounter(*kFailed[i], labels)};
    }
  }
}

void Intake::Take(Request request, std::move_only_function<void(Status)> done) const {
  if (mode_ == Mode::kFarewell) {
    return done(ForClient(Unavailable("shutting down")));
  }
  const auto index = static_cast<size_t>(request.signal);
  Result<otlp::Batch> batch = ToBatch(std::move(request), max_bytes_);
  if (!batch.ok()) {
    const Status status = batch.status();
    // Never repeated: the same bytes would fail again.
    const Code code = status.code() == Code::kResourceExhausted ? too_large_ : status.code();
    return done(Status(code, status.message()).WithRetryable(false));
  }
  if (batch->items == 0) {
    return done({});
  }
  const uint32_t items = batch->items;
  outputs_[index]->Consume(std::move(*batch),
                           pipeline::Completion([books = books_[index], items,
                                                 done = std::move(done)](Status status) mutable {
                             (status.ok() ? books.accepted : books.refused).Add(items);
                             done(ForClient(std::move(status)));
                           }));
}

}  // namespace gapless::otlp_receiver
