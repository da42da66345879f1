#include "sending/outcome.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace gapless::sending {
namespace {

// Servers say that a request is over their limit in these words; the code alone does not tell.
bool HasAny(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

// grpc-go, grpc-java, grpc-core, grpc-dotnet with RESOURCE_EXHAUSTED; tonic with OUT_OF_RANGE.
constexpr std::array<std::string_view, 6> kGrpcSizeWords = {
    "larger than max",     "message too large",        "exceeds maximum",
    "exceeds the maximum", "message length too large", "max_recv_msg_size"};

bool IsAboutSize(const Status& status) {
  return (status.code() == Code::kResourceExhausted || status.code() == Code::kOutOfRange) &&
         HasAny(status.message(), kGrpcSizeWords);
}

// HTTP servers that answer 400 instead of 413: Go's MaxBytesReader and its like.
constexpr std::array<std::string_view, 5> kHttpSizeWords = {
    "request body too large", "request entity too large", "payload too large",
    "Request Entity Too Large", "Payload Too Large"};

OutcomeClass ClassOfCode(Code code, bool has_delay, bool about_size) {
  switch (code) {
    case Code::kOk:
      return OutcomeClass::kOk;
    case Code::kUnavailable:
      return has_delay ? OutcomeClass::kThrottled : OutcomeClass::kTransport;
    case Code::kResourceExhausted:
      if (has_delay) {
        return OutcomeClass::kThrottled;
      }
      return about_size ? OutcomeClass::kRejected : OutcomeClass::kFaulty;
    case Code::kCancelled:
    case Code::kDeadlineExceeded:
    case Code::kAborted:
    case Code::kDataLoss:
      return OutcomeClass::kTransport;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kAlreadyExists:
      return OutcomeClass::kFaulty;
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kUnimplemented:
    case Code::kUnauthenticated:
      return OutcomeClass::kDenied;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return OutcomeClass::kRejected;
  }
  return OutcomeClass::kFaulty;
}

}  // namespace

std::string_view ToString(OutcomeClass outcome) {
  switch (outcome) {
    case OutcomeClass::kOk:
      return "ok";
    case OutcomeClass::kTransport:
      return "transport";
    case OutcomeClass::kFaulty:
      return "faulty";
    case OutcomeClass::kThrottled:
      return "throttled";
    case OutcomeClass::kDenied:
      return "denied";
    case OutcomeClass::kRejected:
      return "rejected";
  }
  return "unknown";
}

AttemptResult LocalFailure(Status status) {
  return {.outcome = OutcomeClass::kTransport, .status = std::move(status), .warning = {}};
}

AttemptResult ClassifyGrpc(Status status) {
  const bool too_large = !status.retry_after() && IsAboutSize(status);
  const OutcomeClass outcome =
      ClassOfCode(status.code(), status.retry_after().has_value(), too_large);
  return {.outcome = outcome, .status = std::move(status), .warning = {}, .too_large = too_large};
}

AttemptResult ClassifyHttpOfGrpc(int http_status, Status status) {
  AttemptResult result = ClassifyGrpc(std::move(status));
  result.http_status = http_status;
  if (http_status == 413 || http_status == 431) {
    result.outcome = OutcomeClass::kRejected;
    result.too_large = true;
  }
  return result;
}

AttemptResult ClassifyHttp(int http_status, Status status) {
  const bool has_delay = status.retry_after().has_value();
  OutcomeClass outcome = OutcomeClass::kFaulty;
  switch (http_status) {
    case 400:
    case 413:
    case 422:
      outcome = OutcomeClass::kRejected;
      break;
    case 401:
    case 403:
    case 404:
      outcome = OutcomeClass::kDenied;
      break;
    case 429:
      outcome = OutcomeClass::kThrottled;
      break;
    case 503:
      outcome = has_delay ? OutcomeClass::kThrottled : OutcomeClass::kTransport;
      break;
    case 502:
    case 504:
      outcome = OutcomeClass::kTransport;
      break;
    default:
      // Other 4xx and redirects are as good as a wrong address; other 5xx and 408 are the peer's
      // trouble.
      if (http_status < 500 && http_status != 408) {
        outcome = OutcomeClass::kDenied;
      }
      break;
  }
  const bool too_large =
      http_status == 413 || (http_status == 400 && HasAny(status.message(), kHttpSizeWords));
  return {.outcome = outcome,
          .status = std::move(status),
          .warning = {},
          .too_large = too_large,
          .http_status = http_status};
}

}  // namespace gapless::sending
