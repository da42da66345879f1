// Numbered items: what `gapless send` makes and `gapless sink` recognises.
//
// Every span, data point and log record carries the integer attribute "gapless.seq", so that a run
// can be accounted for item by item. Numbers count from 1 per signal.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/signal.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::cli {

inline constexpr std::string_view kSequenceAttribute = "gapless.seq";

// Consecutive numbers [first, last].
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

// A serialized export request with the items of `range`, about 300 bytes each.
std::string MakeRequest(otlp::Signal signal, SequenceRange range, uint64_t now_unix_nano);

// The numbers of a serialized request, as ranges. INVALID_ARGUMENT if it is malformed or has
// unnumbered items.
Result<std::vector<SequenceRange>> ReadSequence(otlp::Signal signal, const Rope& request);

// A line of a journey log: "<monotonic ns> <signal> <what> 1-512,1025-1536".
struct LogLine {
  int64_t at_ns = 0;
  otlp::Signal signal = otlp::Signal::kTraces;
  std::string what;
  std::vector<SequenceRange> ranges;
};
// The clock of journey logs: monotonic, the same for all processes of a machine.
int64_t JourneyNow();
std::string FormatLine(const LogLine& line);
Result<LogLine> ParseLine(std::string_view text);

}  // namespace gapless::cli
