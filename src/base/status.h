// Status and Result: how every fallible function in gapless answers.
//
// A Status carries facts fixed where the failure was seen (code, retryable or not, a delay the peer
// asked for, whether the peer answered or the failure is local, a message). What to do about it is
// policy, derived elsewhere (sending/outcome.h), never stored. OK is a null pointer: success costs
// nothing. Codes are numerically the gRPC status codes (https://grpc.io/docs/guides/status-codes/).
#pragma once

#include "base/check.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace gapless {

using Duration = std::chrono::nanoseconds;

enum class Code : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "UNAVAILABLE" and so on, as in the gRPC documentation.
std::string_view CodeName(Code code);

// kOwnShortage: this process lacks descriptors or memory, which says nothing about a peer.
enum class Origin : uint8_t { kLocal, kPeer, kOwnShortage };

// Value type; cheap to move; a copy shares the immutable details. Thread-safe to read.
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  // Whether the failure is retryable follows from the code (UNAVAILABLE, ABORTED, … are) unless set
  // below.
  Status(Code code, std::string message);

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  const std::string& message() const;
  bool retryable() const { return rep_ && rep_->retryable; }
  Origin origin() const { return rep_ ? rep_->origin : Origin::kLocal; }
  // The delay that the peer asked for (RetryInfo, Retry-After).
  std::optional<Duration> retry_after() const { return rep_ ? rep_->retry_after : std::nullopt; }

  Status WithRetryable(bool retryable) const;
  Status WithRetryAfter(Duration delay) const;
  Status FromPeer() const;
  Status FromOwnShortage() const;
  // "prefix: message"; OK stays OK.
  Status Annotate(std::string_view prefix) const;

  // "UNAVAILABLE: connection refused"; "OK".
  std::string ToString() const;

 private:
  struct Rep {
    Code code;
    bool retryable;
    Origin origin = Origin::kLocal;
    std::optional<Duration> retry_after;
    std::string message;
  };
  std::shared_ptr<Rep> Copy() const;
  Status WithOrigin(Origin origin) const;
  std::shared_ptr<const Rep> rep_;
};

inline Status OkStatus() { return {}; }
Status InvalidArgument(std::string message);
Status Unavailable(std::string message);
Status ResourceExhausted(std::string message);
Status Internal(std::string message);
Status NotFound(std::string message);
Status DeadlineExceeded(std::string message);
Status Cancelled(std::string message);
Status Unimplemented(std::string message);
Status FailedPrecondition(std::string message);
Status DataLoss(std::string message);

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {
    GAPLESS_CHECK(!std::get<1>(state_).ok());
  }

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  Status status() const { return ok() ? Status() : std::get<1>(state_); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace gapless

#define GAPLESS_CONCAT_INNER(a, b) a##b
#define GAPLESS_CONCAT(a, b) GAPLESS_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                \
  do {                                                       \
    if (::gapless::Status status_ = (expr); !status_.ok()) { \
      return status_;                                        \
    }                                                        \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) \
  GAPLESS_ASSIGN_OR_RETURN_INNER(GAPLESS_CONCAT(result_, __LINE__), lhs, expr)
#define GAPLESS_ASSIGN_OR_RETURN_INNER(result, lhs, expr) \
  auto result = (expr);                                   \
  if (!result.ok()) {                                     \
    return result.status();                               \
  }                                                       \
  lhs = std::move(result).value()
