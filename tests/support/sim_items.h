// Numbered items for simulations: a logs request whose every record says "~<number>~", and the
// numbers read back from any bytes. Items of a resource say "~<number>~<resource>;" and have their
// number for a time. Shares no code with the product: the oracles count with it.
#pragma once

#include "otlp/batch.h"
#include "tests/support/otlp_builder.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::sim {

// The items `first`, `first` + 1, … as one request; `padding`: more bytes in each item. Each
// request is of a resource of its own, as far as there are lanes.
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

// One item of a resource (what a metrics backend calls a series).
struct SimItem {
  uint64_t number = 0;
  uint32_t resource = 0;
};

// The items of one resource in a request: the numbers from `first` on.
struct ResourceRun {
  uint32_t resource = 0;
  uint64_t first = 0;
  uint32_t count = 0;
};

inline otlp::Batch ResourceBatch(const std::vector<ResourceRun>& runs, size_t padding = 0) {
  namespace b = testing::otlp_builder;
  otlp::Batch batch;
  std::string request;
  for (const ResourceRun& run : runs) {
    std::string records;
    for (uint64_t number = run.first; number < run.first + run.count; ++number) {
      const std::string text = "~" + std::to_string(number) + "~" + std::to_string(run.resource) +
                               ";" + std::string(padding, '.');
      records += b::BytesField(2, b::BytesField(5, b::BytesField(1, text)));
    }
    request += b::BytesField(1, b::BytesField(2, records));
    batch.items += run.count;
    batch.lanes |= uint64_t{1} << (run.resource % 64);
  }
  batch.signal = otlp::Signal::kLogs;
  batch.body = Rope::CopyOf(request);
  batch.raw_size = request.size();
  return batch;
}

// In wire order. Items without a resource are left out.
inline std::vector<SimItem> ItemsIn(std::string_view bytes) {
  std::vector<SimItem> items;
  const auto number_at = [&](size_t& at) {
    uint64_t number = 0;
    while (at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9') {
      number = number * 10 + static_cast<uint64_t>(bytes[at++] - '0');
    }
    return number;
  };
  size_t at = bytes.find('~');
  while (at != std::string_view::npos) {
    size_t end = at + 1;
    const uint64_t number = number_at(end);
    if (end > at + 1 && end < bytes.size() && bytes[end] == '~') {
      const size_t digits = ++end;
      const uint64_t resource = number_at(end);
      if (end > digits && end < bytes.size() && bytes[end] == ';') {
        items.push_back({.number = number, .resource = static_cast<uint32_t>(resource)});
      }
    }
    at = bytes.find('~', end);
  }
  return items;
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

// What a request says, read once.
struct SimRequest {
  size_t bytes = 0;
  std::vector<uint64_t> numbers;
  std::vector<SimItem> items;  // those that have a resource

  static SimRequest Of(const otlp::Batch& batch) {
    const std::string text = batch.body.ToString();
    return {.bytes = text.size(), .numbers = NumbersIn(text), .items = ItemsIn(text)};
  }
};

}  // namespace gapless::sim
