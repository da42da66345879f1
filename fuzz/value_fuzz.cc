// Values that people write, and that peers send in headers: what is accepted reads back as the
// same.
//
// Input: text.
#include "base/check.h"
#include "base/rfc3339.h"
#include "config/permissions.h"
#include "config/units.h"
#include "otlp/status_map.h"
#include "wire/base64.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace gapless {
namespace {

void CheckUnits(std::string_view text) {
  static_cast<void>(config::ParseDuration(text));
  static_cast<void>(config::ParsePermissions(text));
  if (const auto size = config::ParseByteSize(text); size.ok()) {
    const auto again = config::ParseByteSize(config::FormatByteSize(*size));
    GAPLESS_CHECK(again.ok() && *again == *size);
  }
  if (const auto rate = config::ParseByteRate(text); rate.ok()) {
    const auto again = config::ParseByteRate(config::FormatByteRate(*rate));
    GAPLESS_CHECK(again.ok() && *again == *rate);
  }
  if (const auto percent = config::ParsePercent(text); percent.ok()) {
    GAPLESS_CHECK(percent->value >= 0 && percent->value <= 100);
  }
}

void CheckTimes(std::string_view text) {
  if (const auto time = ParseRfc3339(text); time.ok()) {
    const auto again = ParseRfc3339(FormatRfc3339(*time));
    GAPLESS_CHECK(again.ok() && *again <= *time);
    GAPLESS_CHECK(*time - *again < std::chrono::milliseconds(1));
  }
  const WallTime now{std::chrono::hours(24 * 365 * 50)};
  if (const auto delay = otlp::ParseRetryAfter(text, now)) {
    GAPLESS_CHECK(*delay >= Duration::zero() && *delay <= std::chrono::hours(24 * 365));
  }
}

void CheckBytes(std::string_view text) {
  std::string encoded;
  wire::AppendBase64(std::as_bytes(std::span(text)), text.size() % 2 == 0, &encoded);
  std::string decoded;
  GAPLESS_CHECK(wire::ParseBase64(encoded, &decoded) && decoded == text);
  std::string ignored;
  static_cast<void>(wire::ParseBase64(text, &ignored));
  std::string digits;
  wire::AppendHex(std::as_bytes(std::span(text)), &digits);
  std::string bytes;
  GAPLESS_CHECK(wire::ParseHex(digits, &bytes) && bytes == text);
  static_cast<void>(wire::ParseHex(text, &ignored));
}

}  // namespace
}  // namespace gapless

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  gapless::CheckUnits(text);
  gapless::CheckTimes(text);
  gapless::CheckBytes(text);
  return 0;
}
