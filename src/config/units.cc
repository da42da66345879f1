#include "config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace gapless::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr auto kTimeUnits = std::to_array<Unit>({{"ns", 1},
                                                 {"us", 1'000},
                                                 {"\u00b5s", 1'000},
                                                 {"\u03bcs", 1'000},
                                                 {"ms", 1'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"h", 3'600'000'000'000}});

constexpr auto kByteUnits = std::to_array<Unit>({{"", 1},
                                                 {"b", 1},
                                                 {"kb", 1'000},
                                                 {"mb", 1'000'000},
                                                 {"gb", 1'000'000'000},
                                                 {"tb", 1'000'000'000'000},
                                                 {"k", 1'000},
                                                 {"m", 1'000'000},
                                                 {"g", 1'000'000'000},
                                                 {"t", 1'000'000'000'000},
                                                 {"kib", uint64_t{1} << 10},
                                                 {"mib", uint64_t{1} << 20},
                                                 {"gib", uint64_t{1} << 30},
                                                 {"tib", uint64_t{1} << 40},
                                                 {"ki", uint64_t{1} << 10},
                                                 {"mi", uint64_t{1} << 20},
                                                 {"gi", uint64_t{1} << 30},
                                                 {"ti", uint64_t{1} << 40}});

template <size_t N>
std::optional<uint64_t> FactorOf(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) {
      return unit.factor;
    }
  }
  return std::nullopt;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A decimal number at the front of `text`, scaled to an integer later without rounding errors of
// binary floats.
struct Decimal {
  uint64_t whole = 0;
  uint64_t fraction = 0;  // over scale
  uint64_t scale = 1;
};

// Takes the number off `text`; nullopt: none there, or too large.
std::optional<Decimal> TakeDecimal(std::string_view& text) {
  Decimal decimal;
  size_t at = 0;
  bool digits = false;
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    const auto digit = static_cast<uint64_t>(text[at] - '0');
    if (decimal.whole > (std::numeric_limits<uint64_t>::max() - digit) / 10) {
      return std::nullopt;
    }
    decimal.whole = decimal.whole * 10 + digit;
    digits = true;
  }
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && IsDigit(text[at]); ++at) {
      digits = true;
      if (decimal.scale <
          1'000'000'000'000'000) {  // further digits are below a nanosecond of an hour
        decimal.fraction = decimal.fraction * 10 + static_cast<uint64_t>(text[at] - '0');
        decimal.scale *= 10;
      }
    }
  }
  text.remove_prefix(at);
  return digits ? std::optional(decimal) : std::nullopt;
}

std::optional<uint64_t> Scale(const Decimal& decimal, uint64_t factor) {
  const auto product = static_cast<unsigned __int128>(decimal.whole) * factor +
                       static_cast<unsigned __int128>(decimal.fraction) * factor / decimal.scale;
  if (product > std::numeric_limits<uint64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(product);
}

Status BadDuration(std::string_view what, std::string_view text) {
  return InvalidArgument(fmt::format("time: {} duration \"{}\"", what, text));
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  if (rest == "0") {
    return Duration(0);
  }
  uint64_t total = 0;
  do {
    const std::optional<Decimal> number = TakeDecimal(rest);
    if (!number) {
      return BadDuration("invalid", text);
    }
    size_t length = 0;
    while (length < rest.size() && !IsDigit(rest[length]) && rest[length] != '.') {
      ++length;
    }
    if (length == 0) {
      return BadDuration("missing unit in", text);
    }
    const std::optional<uint64_t> factor = FactorOf(kTimeUnits, rest.substr(0, length));
    if (!factor) {
      return InvalidArgument(fmt::format("time: unknown unit \"{}\" in duration \"{}\"",
                                         rest.substr(0, length), text));
    }
    rest.remove_prefix(length);
    const std::optional<uint64_t> part = Scale(*number, *factor);
    if (!part || *part > kMax - total) {
      return BadDuration("invalid", text);
    }
    total += *part;
  } while (!rest.empty());
  const auto count = static_cast<int64_t>(total);
  return Duration(negative ? -count : count);
}

Result<ByteSize> ParseByteSize(std::string_view text) {
  std::string_view rest = text;
  const std::optional<Decimal> number = TakeDecimal(rest);
  while (rest.starts_with(' ')) {
    rest.remove_prefix(1);
  }
  std::string unit;
  for (const char c : rest) {
    unit += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  const std::optional<uint64_t> factor = FactorOf(kByteUnits, unit);
  const std::optional<uint64_t> bytes = number && factor ? Scale(*number, *factor) : std::nullopt;
  if (!bytes) {
    return InvalidArgument(
        fmt::format("invalid size \"{}\": expected a number of bytes or e.g. \"64MiB\"", text));
  }
  return ByteSize{*bytes};
}

std::string FormatByteSize(ByteSize size) {
  constexpr std::string_view kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  uint64_t value = size.bytes;
  size_t unit = 0;
  while (value != 0 && value % 1024 == 0 && unit + 1 < std::size(kNames)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", value, kNames[unit]);
}

Result<ByteRate> ParseByteRate(std::string_view text) {
  const std::string_view size = text.ends_with("/s") ? text.substr(0, text.size() - 2) : text;
  const Result<ByteSize> bytes = ParseByteSize(size);
  if (!bytes.ok()) {
    return InvalidArgument(fmt::format("invalid rate \"{}\": expected e.g. \"8MiB/s\"", text));
  }
  return ByteRate{bytes->bytes};
}

std::string FormatByteRate(ByteRate rate) { return FormatByteSize({rate.bytes_per_second}) + "/s"; }

Result<Percent> ParsePercent(std::string_view text) {
  std::string_view number = text;
  if (number.ends_with('%')) {
    number.remove_suffix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (number.empty() || error != std::errc() || end != number.data() + number.size() ||
      !(value >= 0 && value <= 100)) {
    return InvalidArgument(fmt::format("invalid percentage \"{}\": expected 0% to 100%", text));
  }
  return Percent{value};
}

std::string FormatPercent(Percent percent) { return fmt::format("{}%", percent.value); }

uint64_t SizeOrPercent::Of(uint64_t whole_bytes) const {
  return size ? size->bytes
              : static_cast<uint64_t>(static_cast<double>(whole_bytes) * percent.value / 100);
}

Result<SizeOrPercent> ParseSizeOrPercent(std::string_view text) {
  SizeOrPercent value;
  if (text.ends_with('%')) {
    ASSIGN_OR_RETURN(value.percent, ParsePercent(text));
  } else {
    ASSIGN_OR_RETURN(value.size, ParseByteSize(text));
  }
  return value;
}

std::string FormatSizeOrPercent(const SizeOrPercent& value) {
  return value.size ? FormatByteSize(*value.size) : FormatPercent(value.percent);
}

}  // namespace gapless::config
