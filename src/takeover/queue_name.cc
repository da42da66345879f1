#include "takeover/queue_name.h"

#include "wire/digest.h"

#include <bit>
#include <cstdint>

#include <fmt/format.h>

namespace gapless::takeover {
namespace {

constexpr size_t kLongestName = 255;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// The code point at the beginning of `text`, which is not empty; U+FFFD and one byte where there is
// no UTF-8, as Go's range.
uint32_t TakeRune(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text.front());
  const auto size = static_cast<size_t>(std::countl_one(first));
  if (first < 0x80 || size < 2 || size > 4 || text.size() < size) {
    text.remove_prefix(1);
    return first < 0x80 ? first : 0xFFFD;
  }
  uint32_t rune = first & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xC0U) != 0x80U) {
      text.remove_prefix(1);
      return 0xFFFD;
    }
    rune = rune << 6U | (byte & 0x3FU);
  }
  text.remove_prefix(size);
  return rune;
}

}  // namespace

std::string SanitizedName(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const char first = name.front();
    const uint32_t rune = TakeRune(name);
    out += IsPlain(first) ? std::string(1, first) : fmt::format("~{:04X}", rune);
  }
  return out;
}

std::string QueueFileName(const ComponentId& exporter, otlp::Signal signal) {
  const std::string name = SanitizedName(
      fmt::format("exporter_{}_{}_{}", exporter.type, exporter.name, otlp::Names(signal).name));
  return name.size() > kLongestName ? wire::Sha256Hex(AsBytes(name)) : name;
}

}  // namespace gapless::takeover
