#include "base/status.h"

#include <array>

namespace gapless {
namespace {

constexpr std::array<std::string_view, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// The codes that an OTLP client may retry without being told so (OTLP specification, "Failures").
// RESOURCE_EXHAUSTED is retryable only with RetryInfo: WithRetryAfter says so.
bool RetryableByDefault(Code code) {
  switch (code) {
    case Code::kCancelled:
    case Code::kDeadlineExceeded:
    case Code::kAborted:
    case Code::kOutOfRange:
    case Code::kUnavailable:
    case Code::kDataLoss:
      return true;
    case Code::kOk:
    case Code::kUnknown:
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted:
    case Code::kFailedPrecondition:
    case Code::kUnimplemented:
    case Code::kInternal:
    case Code::kUnauthenticated:
      return false;
  }
  return false;
}

}  // namespace

std::string_view CodeName(Code code) {
  const auto index = static_cast<size_t>(code);
  return index < kCodeNames.size() ? kCodeNames[index] : "UNKNOWN";
}

Status::Status(Code code, std::string message) {
  GAPLESS_CHECK(code != Code::kOk);
  rep_ = std::make_shared<const Rep>(Rep{.code = code,
                                         .retryable = RetryableByDefault(code),
                                         .retry_after = std::nullopt,
                                         .message = std::move(message)});
}

const std::string& Status::message() const {
  static const std::string empty;
  return rep_ ? rep_->message : empty;
}

std::shared_ptr<Status::Rep> Status::Copy() const { return std::make_shared<Rep>(*rep_); }

Status Status::WithRetryable(bool retryable) const {
  if (ok()) {
    return *this;
  }
  auto rep = Copy();
  rep->retryable = retryable;
  Status status;
  status.rep_ = std::move(rep);
  return status;
}

Status Status::WithRetryAfter(Duration delay) const {
  if (ok()) {
    return *this;
  }
  auto rep = Copy();
  rep->retryable = true;
  rep->retry_after = delay;
  Status status;
  status.rep_ = std::move(rep);
  return status;
}

Status Status::FromPeer() const { return WithOrigin(Origin::kPeer); }

Status Status::FromOwnShortage() const { return WithOrigin(Origin::kOwnShortage); }

Status Status::WithOrigin(Origin origin) const {
  if (ok()) {
    return *this;
  }
  auto rep = Copy();
  rep->origin = origin;
  Status status;
  status.rep_ = std::move(rep);
  return status;
}

Status Status::Annotate(std::string_view prefix) const {
  if (ok()) {
    return *this;
  }
  auto rep = Copy();
  rep->message = std::string(prefix) + ": " + rep->message;
  Status status;
  status.rep_ = std::move(rep);
  return status;
}

std::string Status::ToString() const {
  return ok() ? "OK" : std::string(CodeName(code())) + ": " + message();
}

Status InvalidArgument(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }
Status Unavailable(std::string message) { return {Code::kUnavailable, std::move(message)}; }
Status ResourceExhausted(std::string message) {
  return {Code::kResourceExhausted, std::move(message)};
}
Status Internal(std::string message) { return {Code::kInternal, std::move(message)}; }
Status NotFound(std::string message) { return {Code::kNotFound, std::move(message)}; }
Status DeadlineExceeded(std::string message) {
  return {Code::kDeadlineExceeded, std::move(message)};
}
Status Cancelled(std::string message) { return {Code::kCancelled, std::move(message)}; }
Status Unimplemented(std::string message) { return {Code::kUnimplemented, std::move(message)}; }
Status FailedPrecondition(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}
Status DataLoss(std::string message) { return {Code::kDataLoss, std::move(message)}; }

}  // namespace gapless
