// Numbered items for simulations: a logs request whose every record says "~<number>~", and the
// numbers read back from any bytes. Shares no code with the product: the oracles count with it.
#pragma once

#include "otlp/batch.h"
#include "tests/support/otlp_builder.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::sim {

// The items `first`, `first` + 1, … as one request; `padding`: more bytes in each item. Each request
// is of a resource of its own, as far as there are lanes.
inline otlp::Batch NumberedBatch(uint64_t first, uint32_t count, size_t padding = 0) {
  namespace b = testing::otlp_builder;
  std::string records;
  for (uint64_t number = first; number < first + count; ++number) {
    const std::string text = "~" + std::to_string(number) + "~" + std::string(padding, '.');
    records += b::BytesField(2, b::BytesField(5, b::BytesField(1, text)));
  }
  const std::string request = b::BytesField(1, b::BytesField(2, records));
  otlp::Batch batch;
  batch.signal = otlp::Signal::kLogs;
  batch.items = count;
  batch.body = Rope::CopyOf(request);
  batch.raw_size = request.size();
  batch.lanes = uint64_t{1} << (first % 64);
  return batch;
}

inline std::vector<uint64_t> NumbersIn(std::string_view bytes) {
  std::vector<uint64_t> numbers;
  size_t at = bytes.find('~');
  while (at != std::string_view::npos) {
    uint64_t number = 0;
    size_t end = at + 1;
    while (end < bytes.size() && bytes[end] >= '0' && bytes[end] <= '9') {
      number = number * 10 + static_cast<uint64_t>(bytes[end++] - '0');
    }
    if (end > at + 1 && end < bytes.size() && bytes[end] == '~') {
      numbers.push_back(number);
      ++end;
    }
    at = bytes.find('~', end);
  }
  return numbers;
}

}  // namespace gapless::sim
