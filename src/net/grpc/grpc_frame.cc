#include "net/grpc/grpc_frame.h"

#include "fmt/format.h"
#include "net/http/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

namespace gapless::net {
namespace {

struct Unit {
  char letter;
  int64_t nanoseconds;
};
// Finest first.
constexpr std::array<Unit, 6> kUnits = {{{'n', 1},
                                         {'u', 1'000},
                                         {'m', 1'000'000},
                                         {'S', 1'000'000'000},
                                         {'M', 60'000'000'000},
                                         {'H', 3'600'000'000'000}}};
constexpr int64_t kMaxTimeoutValue = 99'999'999;
constexpr size_t kMaxTimeoutDigits = 8;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

bool IsGrpcContentType(std::string_view type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (type.size() < kGrpc.size() || !AsciiEqualsIgnoreCase(type.substr(0, kGrpc.size()), kGrpc)) {
    return false;
  }
  return type.size() == kGrpc.size() || type[kGrpc.size()] == '+' || type[kGrpc.size()] == ';';
}

Result<GrpcMessage> UnframeGrpcMessage(const Rope& body, size_t max_bytes) {
  if (body.size() < kGrpcPrefixBytes) {
    return Internal(body.empty() ? "grpc: the request has no message"
                                 : "grpc: the message is cut off");
  }
  std::array<std::byte, kGrpcPrefixBytes> prefix;
  body.Sub(0, kGrpcPrefixBytes).CopyTo(prefix.data());
  uint32_t size = 0;
  for (size_t i = 1; i < kGrpcPrefixBytes; ++i) {
    size = size << 8 | std::to_integer<uint32_t>(prefix[i]);
  }
  const auto flag = std::to_integer<uint8_t>(prefix[0]);
  if (flag > 1) {
    return Internal(fmt::format("grpc: received unexpected payload format {}", flag));
  }
  if (size > max_bytes) {
    return ResourceExhausted(
        fmt::format("grpc: received message larger than max ({} vs. {})", size, max_bytes));
  }
  const size_t present = body.size() - kGrpcPrefixBytes;
  if (present != size) {
    return Internal(present < size ? "grpc: the message is cut off"
                                   : "grpc: more than one message in a unary call");
  }
  return GrpcMessage{flag == 1, body.Sub(kGrpcPrefixBytes, size)};
}

Rope FrameGrpcMessage(Rope message, bool compressed) {
  const auto size = static_cast<uint32_t>(message.size());
  SlabRef slab(Slab::New(kGrpcPrefixBytes));
  std::byte* prefix = slab->data();
  prefix[0] = std::byte{compressed};
  for (size_t i = 0; i < 4; ++i) {
    prefix[1 + i] = static_cast<std::byte>(size >> (24 - 8 * i));
  }
  Rope framed(Slice(std::move(slab), prefix, kGrpcPrefixBytes));
  framed.Append(std::move(message));
  return framed;
}

std::optional<Duration> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(0, text.size() - 1);
  int64_t value = 0;
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  for (const Unit& unit : kUnits) {
    if (unit.letter == text.back()) {
      // 99,999,999 hours do not fit.
      constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
      return Duration(value > kMax / unit.nanoseconds ? kMax : value * unit.nanoseconds);
    }
  }
  return std::nullopt;
}

std::string FormatGrpcTimeout(Duration timeout) {
  const int64_t nanoseconds = std::max<int64_t>(timeout.count(), 1);
  for (const Unit& unit : kUnits) {
    if (nanoseconds / unit.nanoseconds <= kMaxTimeoutValue) {
      return fmt::format("{}{}", nanoseconds / unit.nanoseconds, unit.letter);
    }
  }
  return fmt::format("{}H", kMaxTimeoutValue);
}

std::string EncodeGrpcMessageText(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string DecodeGrpcMessageText(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace gapless::net
