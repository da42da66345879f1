// The one mapping between HTTP statuses and Codes, in both directions, and Retry-After. Pure; any
// thread.
//
// Sources: OTLP specification 1.9 "OTLP/HTTP Response", upstream's otlp receiver and otlphttp
// exporter, RFC 9110 section 10.2.3, and for gRPC peers
// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md.
#pragma once

#include "base/loop.h"
#include "base/status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::otlp {

// Client side: what an OTLP/HTTP answer that is not 2xx means. 413 is FAILED_PRECONDITION, the only
// status that maps to it, so that the sender knows to cut the payload; what upstream does not name
// is UNKNOWN.
Code CodeForHttp(int http_status);
// 429, 502, 503 and 504: the same request may be sent again.
bool RetryableHttp(int http_status);
// The Status for such an answer: from the peer, retryable as above, with the delay if the status
// allows one (429 and 503). `message` is the peer's text or the caller's.
Status StatusForHttp(int http_status, std::string message, std::optional<Duration> retry_after);

// A gRPC client that got an HTTP status other than 200 and no grpc-status.
Code CodeForHttpOfGrpc(int http_status);
// The value of grpc-status; numbers without meaning are UNKNOWN.
Code CodeForGrpc(uint64_t number);

// Server side: the answer to an OTLP/HTTP client for a failed request.
int HttpForStatus(const Status& status);

// A Retry-After value: whole seconds or an HTTP date (RFC 9110 section 5.6.7, the IMF-fixdate
// form), as the time from `now`, between zero and 365 days; nullopt if it is neither.
std::optional<Duration> ParseRetryAfter(std::string_view value, WallTime now);
// Whole seconds, rounded up, at least "1".
std::string FormatRetryAfter(Duration delay);

}  // namespace gapless::otlp
