// Values with units as text: Go durations, byte sizes, byte rates, percentages.
#pragma once

#include "base/status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::config {

struct ByteSize {
  uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

struct ByteRate {
  uint64_t bytes_per_second = 0;
  auto operator<=>(const ByteRate&) const = default;
};

struct Percent {
  double value = 0;  // 0..100
  auto operator<=>(const Percent&) const = default;
};

// A size, or a part of something that the reader knows.
struct SizeOrPercent {
  std::optional<ByteSize> size;
  Percent percent;  // without a size

  uint64_t Of(uint64_t whole_bytes) const;
  bool operator==(const SizeOrPercent&) const = default;
};

// Go's time.ParseDuration: "300ms", "1h15m", "-1.5h", "0"; units ns us µs μs ms s m h. Errors in
// Go's words.
Result<Duration> ParseDuration(std::string_view text);

// "512", "512B", "64KiB", "1.5GiB", "10MB" (powers of 1000), "10Mi"; no sign. Units match without
// case.
Result<ByteSize> ParseByteSize(std::string_view text);
// The largest binary unit that divides it: "64MiB", "1000" is "1000B".
std::string FormatByteSize(ByteSize size);

// A byte size per second: "8MiB/s"; the "/s" may be missing.
Result<ByteRate> ParseByteRate(std::string_view text);
std::string FormatByteRate(ByteRate rate);

// "80%" or "80"; 0 to 100.
Result<Percent> ParsePercent(std::string_view text);
std::string FormatPercent(Percent percent);

// "512MiB" or "25%".
Result<SizeOrPercent> ParseSizeOrPercent(std::string_view text);
std::string FormatSizeOrPercent(const SizeOrPercent& value);

}  // namespace gapless::config
