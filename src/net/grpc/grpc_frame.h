// gRPC over HTTP/2 on the wire: message frames, timeouts, status text
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Pure; any thread; input is
// hostile.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::net {

// Compressed flag and length before each message.
inline constexpr size_t kGrpcPrefixBytes = 5;

struct GrpcMessage {
  bool compressed = false;
  Rope bytes;
};

// "application/grpc", with what may follow it: "+proto", ";...".
bool IsGrpcContentType(std::string_view type);

// The body of a unary call: exactly one message. RESOURCE_EXHAUSTED above `max_bytes` (of the
// message as sent), INTERNAL for everything else that is wrong.
Result<GrpcMessage> UnframeGrpcMessage(const Rope& body, size_t max_bytes);
Rope FrameGrpcMessage(Rope message, bool compressed);

// "100m" and so on: at most 8 digits and one of H M S m u n. nullopt if malformed.
std::optional<Duration> ParseGrpcTimeout(std::string_view text);
// The largest value that is not above `timeout`; zero and less become "1n".
std::string FormatGrpcTimeout(Duration timeout);

// grpc-message: everything but printable ASCII, and '%', is percent-encoded.
std::string EncodeGrpcMessageText(std::string_view text);
// Lenient: what is no escape stays as it is.
std::string DecodeGrpcMessageText(std::string_view text);

}  // namespace gapless::net
