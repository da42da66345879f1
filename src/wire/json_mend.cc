#include "wire/json_mend.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace gapless::wire {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr size_t kEscape = 6;                              // \uXXXX

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// How many bytes the UTF-8 character at `at` has; 0 if there is none (RFC 3629).
size_t CharacterSize(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto between = [&](size_t i, uint32_t low, uint32_t high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const uint32_t first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return between(1, 0x80, 0xbf) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = between(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && between(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = between(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && between(2, 0x80, 0xbf) && between(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// The code unit of the escape \uXXXX at `at`; nullopt if there is none.
std::optional<uint32_t> EscapedUnit(std::string_view text, size_t at) {
  if (at + kEscape > text.size() || text[at] != '\\' || text[at + 1] != 'u') {
    return std::nullopt;
  }
  uint32_t unit = 0;
  const char* const begin = text.data() + at + 2;
  const auto [end, error] = std::from_chars(begin, begin + 4, unit, 16);
  return error == std::errc() && end == begin + 4 ? std::optional(unit) : std::nullopt;
}

bool IsHighHalf(uint32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool IsLowHalf(uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// By the grammar of RFC 8259 section 6.
bool IsNumber(std::string_view text) {
  size_t at = 0;
  const auto skip_digits = [&] {
    const size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) {
      ++at;
    }
    return at > begin;
  };
  at += text.starts_with('-') ? 1 : 0;
  if (text.substr(at).starts_with('0')) {
    ++at;
  } else if (!skip_digits()) {
    return false;
  }
  if (text.substr(at).starts_with('.')) {
    ++at;
    if (!skip_digits()) {
      return false;
    }
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    at += at < text.size() && (text[at] == '+' || text[at] == '-') ? 1 : 0;
    if (!skip_digits()) {
      return false;
    }
  }
  return at == text.size();
}

template <typename T>
bool Fits(std::string_view number) {
  T value = {};
  return std::from_chars(number.data(), number.data() + number.size(), value).ec == std::errc();
}

class Mender {
 public:
  explicit Mender(std::string_view text) : text_(text) { out_.reserve(text.size() + 16); }

  std::string Run() {
    while (at_ < text_.size() && !complete_) {
      Token();
    }
    return std::move(out_);
  }

 private:
  void Token() {
    const char c = text_[at_];
    if (c == '"') {
      String();
      return EndValue();
    }
    if (c == '-' || IsDigit(c)) {
      Number();
      return EndValue();
    }
    if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      Copy(1);
      depth_ -= depth_ > 0 ? 1 : 0;
      return EndValue();
    } else if (depth_ == 0 && !IsBlank(c)) {
      // true, false or null alone, or no JSON at all.
      return Copy(text_.size() - at_);
    }
    Copy(1);
  }

  void EndValue() { complete_ = depth_ == 0; }

  void Copy(size_t size) {
    out_.append(text_.substr(at_, size));
    at_ += size;
  }

  void Replace(size_t size, std::string_view by) {
    out_.append(by);
    at_ += size;
  }

  void Number() {
    const size_t end = std::min(text_.find_first_not_of("0123456789+-.eE", at_), text_.size());
    const std::string_view number = text_.substr(at_, end - at_);
    const bool whole = number.find_first_of(".eE") == std::string_view::npos;
    if (!IsNumber(number) || (whole && (Fits<int64_t>(number) || Fits<uint64_t>(number)))) {
      return Copy(number.size());
    }
    if (!Fits<double>(number) && IsTooLarge(number)) {
      return Replace(number.size(), fmt::format("\"{}\"", number));
    }
    Copy(number.size());
    out_.append(whole ? "e0" : "");
  }

  // Numbers too small for a double are 0, and parsers know it.
  static bool IsTooLarge(std::string_view number) {
    const size_t exponent = number.find_first_of("eE");
    return exponent == std::string_view::npos || number[exponent + 1] != '-';
  }

  void String() {
    Copy(1);
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        return Copy(1);
      }
      if (c == '\\') {
        Escape();
      } else if (static_cast<unsigned char>(c) < 0x20) {
        Replace(1, fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
      } else if (const size_t size = CharacterSize(text_, at_); size > 0) {
        Copy(size);
      } else {
        Replace(1, kReplacement);
      }
    }
  }

  void Escape() {
    const std::optional<uint32_t> unit = EscapedUnit(text_, at_);
    if (!unit) {
      return Copy(2);
    }
    if (!IsHighHalf(*unit) && !IsLowHalf(*unit)) {
      return Copy(kEscape);
    }
    const std::optional<uint32_t> next = EscapedUnit(text_, at_ + kEscape);
    if (IsHighHalf(*unit) && next && IsLowHalf(*next)) {
      return Copy(2 * kEscape);
    }
    Replace(kEscape, "\\ufffd");
  }

  const std::string_view text_;
  std::string out_;
  size_t at_ = 0;
  size_t depth_ = 0;
  bool complete_ = false;
};

}  // namespace

std::string MendJson(std::string_view text) { return Mender(text).Run(); }

}  // namespace gapless::wire
