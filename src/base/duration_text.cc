#include "base/duration_text.h"

#include <fmt/format.h>

namespace gapless {

std::string FormatDuration(Duration duration) {
  const auto count = static_cast<uint64_t>(duration.count());
  const std::string sign = duration.count() < 0 ? "-" : "";
  // Negation in unsigned arithmetic: the least Duration has no positive twin.
  const uint64_t nanoseconds = duration.count() < 0 ? 0 - count : count;
  const auto decimal = [](uint64_t value, uint64_t unit) {
    std::string text = fmt::format("{}", value / unit);
    if (value % unit != 0) {
      std::string digits = fmt::format("{}", unit + value % unit);
      digits.erase(digits.find_last_not_of('0') + 1);
      text += "." + digits.substr(1);
    }
    return text;
  };
  if (nanoseconds == 0) {
    return "0s";
  }
  if (nanoseconds < 1'000) {
    return fmt::format("{}{}ns", sign, nanoseconds);
  }
  if (nanoseconds < 1'000'000) {
    return sign + decimal(nanoseconds, 1'000) + "µs";
  }
  constexpr uint64_t kSecond = 1'000'000'000;
  if (nanoseconds < kSecond) {
    return sign + decimal(nanoseconds, 1'000'000) + "ms";
  }
  const uint64_t minutes = nanoseconds / (60 * kSecond);
  std::string text = sign;
  if (minutes >= 60) {
    text += fmt::format("{}h", minutes / 60);
  }
  if (minutes > 0) {
    text += fmt::format("{}m", minutes % 60);
  }
  return text + decimal(nanoseconds % (60 * kSecond), kSecond) + "s";
}

}  // namespace gapless
