#include "exporter/debug/value.h"

#include "fmt/format.h"
#include "otlp/any_value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace gapless::exporter::debug {
namespace {

std::string ToChars(double value, std::chars_format format) {
  std::array<char, 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  return {buffer.data(), end};
}

}  // namespace

std::string ValueText(const Record& value) { return otlp::ValueText(value.bytes()); }

std::string TypedValueText(const Record& value) {
  const otlp::AnyValue any = otlp::ReadValue(value.bytes());
  return fmt::format("{}({})", ToString(any.type), otlp::ValueText(any));
}

std::vector<std::pair<std::string_view, Record>> AttributesOf(const Record& record,
                                                              uint32_t number) {
  std::vector<std::pair<std::string_view, Record>> attributes;
  for (const Record& pair : record.Children(number)) {
    attributes.emplace_back(pair.Text(1), pair.Child(2));
  }
  return attributes;
}

std::string ShortDouble(double value) {
  if (!std::isfinite(value)) {
    return FixedDouble(value);
  }
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e21);
  return ToChars(value, plain ? std::chars_format::fixed : std::chars_format::scientific);
}

std::string FixedDouble(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return fmt::format("{:f}", value);
}

std::string TimeText(uint64_t unix_nanoseconds) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const auto seconds = static_cast<std::time_t>(unix_nanoseconds / kSecond);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  std::string fraction;
  if (const uint64_t rest = unix_nanoseconds % kSecond; rest != 0) {
    fraction = fmt::format(".{:09}", rest);
    fraction.erase(fraction.find_last_not_of('0') + 1);
  }
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}{} +0000 UTC", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, fraction);
}

}  // namespace gapless::exporter::debug
