#include "otlp/status_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace gapless::otlp {
namespace {

using std::chrono::seconds;

constexpr seconds kMaxDelay = std::chrono::hours(24 * 365);

// Reads exactly `size` digits.
std::optional<int> Digits(std::string_view text, size_t at, size_t size) {
  int value = 0;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + size, value);
  if (error != std::errc() || end != begin + size || *begin == '-') {
    return std::nullopt;
  }
  return value;
}

std::optional<unsigned> Month(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<unsigned>(found - kNames.begin()) + 1;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", in seconds since the epoch.
std::optional<seconds> ParseDate(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' ||
      (text.substr(25) != " GMT" && text.substr(25) != " UTC")) {
    return std::nullopt;
  }
  const auto day = Digits(text, 5, 2);
  const auto month = Month(text.substr(8, 3));
  const auto year = Digits(text, 12, 4);
  const auto hour = Digits(text, 17, 2);
  const auto minute = Digits(text, 20, 2);
  const auto second = Digits(text, 23, 2);
  if (!day || !month || !year || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
      *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + seconds(*second);
}

}  // namespace

Code CodeForHttp(int http_status) {
  switch (http_status) {
    case 400:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kUnimplemented;
    case 413:
      return Code::kFailedPrecondition;
    case 429:
      return Code::kResourceExhausted;
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

bool RetryableHttp(int http_status) {
  return http_status == 429 || http_status == 502 || http_status == 503 || http_status == 504;
}

Status StatusForHttp(int http_status, std::string message, std::optional<Duration> retry_after) {
  Status status = Status(CodeForHttp(http_status), std::move(message)).FromPeer();
  if (retry_after && (http_status == 429 || http_status == 503)) {
    status = status.WithRetryAfter(*retry_after);
  }
  return status.WithRetryable(RetryableHttp(http_status));
}

Code CodeForHttpOfGrpc(int http_status) {
  switch (http_status) {
    case 400:
      return Code::kInternal;
    case 413:
      return Code::kUnknown;
    case 429:
      return Code::kUnavailable;
    default:
      return CodeForHttp(http_status);
  }
}

Code CodeForGrpc(uint64_t number) {
  return number <= static_cast<uint64_t>(Code::kUnauthenticated) ? static_cast<Code>(number)
                                                                 : Code::kUnknown;
}

int HttpForStatus(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return 200;
    case Code::kCancelled:
    case Code::kDeadlineExceeded:
    case Code::kAborted:
    case Code::kOutOfRange:
    case Code::kUnavailable:
    case Code::kDataLoss:
      return 503;
    case Code::kResourceExhausted:
      return 429;
    case Code::kInvalidArgument:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kUnimplemented:
      return 404;
    case Code::kUnknown:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

std::optional<Duration> ParseRetryAfter(std::string_view value, WallTime now) {
  const size_t begin = value.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return std::nullopt;
  }
  value = value.substr(begin, value.find_last_not_of(" \t") - begin + 1);
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
    return error == std::errc() ? std::min(seconds(count), kMaxDelay) : kMaxDelay;
  }
  const std::optional<seconds> date = ParseDate(value);
  if (!date) {
    return std::nullopt;
  }
  const seconds left = *date - std::chrono::floor<seconds>(now.time_since_epoch());
  return std::clamp(left, seconds(0), kMaxDelay);
}

std::string FormatRetryAfter(Duration delay) {
  return std::to_string(std::max<int64_t>(1, std::chrono::ceil<seconds>(delay).count()));
}

}  // namespace gapless::otlp
