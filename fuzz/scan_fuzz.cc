// The validating scan on arbitrary bytes, and what relies on it: counting, splitting, JSON.
//
// Input: one byte for the signal, one for how the bytes are cut into slices, the request.
#include "base/check.h"
#include "otlp/json_decode.h"
#include "otlp/json_encode.h"
#include "otlp/scan.h"
#include "otlp/split.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::otlp {
namespace {

Rope Cut(std::string_view text, size_t piece) {
  Rope rope;
  while (!text.empty()) {
    rope.Append(Slice::CopyOf(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
  }
  return rope;
}

void CheckSplit(const Rope& request, Signal signal, size_t items, const SplitLimits& limits) {
  const Result<std::vector<Part>> parts = Split(request, signal, limits);
  GAPLESS_CHECK(parts.ok());
  size_t sum = 0;
  for (const Part& part : *parts) {
    const Result<ScanResult> scan = Scan(part.request, signal);
    GAPLESS_CHECK(scan.ok() && scan->items == part.items);
    GAPLESS_CHECK(part.items <= limits.max_items);
    GAPLESS_CHECK(part.items <= 1 || part.request.size() <= limits.max_bytes);
    sum += part.items;
  }
  GAPLESS_CHECK(sum == items);
}

void Run(Signal signal, size_t piece, std::string_view bytes) {
  const Rope flat = Rope::CopyOf(bytes);
  const Rope sliced = Cut(bytes, piece);
  const Result<ScanResult> scan = Scan(flat, signal);
  const Result<ScanResult> again = Scan(sliced, signal);
  GAPLESS_CHECK(scan.ok() == again.ok());
  const Result<size_t> count = CountItems(sliced, signal);
  if (!scan.ok()) {
    return;
  }
  GAPLESS_CHECK(scan->items == again->items && scan->resources == again->resources);
  GAPLESS_CHECK(count.ok() && *count == scan->items);
  CheckSplit(sliced, signal, scan->items, {.max_items = 1 + piece % 5});
  CheckSplit(flat, signal, scan->items, {.max_bytes = 1 + piece});
  std::string json;
  GAPLESS_CHECK(EncodeJson(sliced, signal, &json).ok());
  const Result<Rope> back = DecodeJson(Rope::CopyOf(json), signal);
  GAPLESS_CHECK(back.ok() && Scan(*back, signal).ok());
}

}  // namespace
}  // namespace gapless::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2) {
    gapless::otlp::Run(gapless::otlp::kSignals[data[0] % 3], size_t{1} + data[1],
                       {reinterpret_cast<const char*>(data) + 2, size - 2});
  }
  return 0;
}
