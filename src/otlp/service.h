// The small messages around an export: Export…ServiceResponse, google.rpc.Status,
// google.rpc.RetryInfo.
//
// Sources: opentelemetry-proto collector services; googleapis google/rpc/status.proto,
// error_details.proto, google/protobuf/duration.proto; protojson for JSON. Pure; any thread. Input
// is hostile.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/signal.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::otlp {

// The OTLP specification's recommended limit on responses, bytes.
inline constexpr size_t kMaxResponseSize = size_t{4} << 20;

struct PartialSuccess {
  int64_t rejected_items = 0;
  std::string message;

  bool empty() const { return rejected_items == 0 && message.empty(); }
};

// Always with a partial-success object, as upstream: nothing rejected is the two bytes 0A 00.
std::string EncodeResponse(const PartialSuccess& partial = {});
// {"partialSuccess":{}} and so on.
std::string ResponseJson(Signal signal, const PartialSuccess& partial = {});

// An empty body is a full success. INVALID_ARGUMENT when malformed or above kMaxResponseSize.
Result<PartialSuccess> DecodeResponse(const Rope& body);
Result<PartialSuccess> DecodeResponseJson(const Rope& body, Signal signal);

// google.rpc.Status with the code, the message and, if the status has a delay, RetryInfo in the
// details. Precondition: not OK.
std::string EncodeStatus(const Status& status);
std::string StatusJson(const Status& status);

// google.rpc.Status as received: a body, or grpc-status-details-bin after wire::ParseBase64. The
// result is from the peer; its delay comes from RetryInfo, where the code may be retried at all.
// Code 0 and unknown codes are UNKNOWN. nullopt if malformed.
std::optional<Status> DecodeStatus(ByteSpan bytes);

}  // namespace gapless::otlp
