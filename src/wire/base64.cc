#include "wire/base64.h"

#include <array>
#include <cstdint>

namespace gapless::wire {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789abcdef";
constexpr uint8_t kBad = 0xff;

constexpr std::array<uint8_t, 256> MakeBase64Values() {
  std::array<uint8_t, 256> values;
  values.fill(kBad);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  values['-'] = 62;
  values['_'] = 63;
  return values;
}
constexpr std::array<uint8_t, 256> kBase64Values = MakeBase64Values();

constexpr std::array<uint8_t, 256> MakeHexValues() {
  std::array<uint8_t, 256> values;
  values.fill(kBad);
  for (uint8_t i = 0; i < 16; ++i) {
    values[static_cast<uint8_t>(kHex[i])] = i;
  }
  for (uint8_t i = 0; i < 6; ++i) {
    values[static_cast<size_t>('A' + i)] = static_cast<uint8_t>(10 + i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kHexValues = MakeHexValues();

}  // namespace

void AppendBase64(ByteSpan bytes, bool padded, std::string* out) {
  size_t i = 0;
  const auto at = [&](size_t index) { return static_cast<uint32_t>(bytes[index]); };
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t word = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    const char group[] = {kAlphabet[word >> 18], kAlphabet[word >> 12 & 63],
                          kAlphabet[word >> 6 & 63], kAlphabet[word & 63]};
    out->append(group, sizeof group);
  }
  const size_t left = bytes.size() - i;
  if (left == 0) {
    return;
  }
  const uint32_t word = at(i) << 16 | (left == 2 ? at(i + 1) << 8 : 0);
  out->push_back(kAlphabet[word >> 18]);
  out->push_back(kAlphabet[word >> 12 & 63]);
  if (left == 2) {
    out->push_back(kAlphabet[word >> 6 & 63]);
  }
  if (padded) {
    out->append(3 - left, '=');
  }
}

bool ParseBase64(std::string_view text, std::string* out) {
  if (text.size() % 4 == 0 && text.ends_with('=')) {
    text.remove_suffix(text.ends_with("==") ? 2 : 1);
  }
  if (text.size() % 4 == 1) {
    return false;
  }
  uint32_t word = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const uint8_t value = kBase64Values[static_cast<uint8_t>(c)];
    if (value == kBad) {
      return false;
    }
    word = word << 6 | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out->push_back(static_cast<char>(word >> bits));
    }
  }
  return true;
}

void AppendHex(ByteSpan bytes, std::string* out) {
  for (const std::byte byte : bytes) {
    out->push_back(kHex[static_cast<size_t>(byte) >> 4]);
    out->push_back(kHex[static_cast<size_t>(byte) & 15]);
  }
}

bool ParseHex(std::string_view text, std::string* out) {
  if (text.size() % 2 != 0) {
    return false;
  }
  for (size_t i = 0; i < text.size(); i += 2) {
    const uint8_t high = kHexValues[static_cast<uint8_t>(text[i])];
    const uint8_t low = kHexValues[static_cast<uint8_t>(text[i + 1])];
    if (high == kBad || low == kBad) {
      return false;
    }
    out->push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

}  // namespace gapless::wire
