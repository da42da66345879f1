// The types of plain scalars, as go-yaml v3's resolve.go decides them.
#include "config/yaml.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace gapless::config {
namespace {

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> forms) {
  for (const std::string_view form : forms) {
    if (text == form) {
      return true;
    }
  }
  return false;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Go's strconv.ParseInt with base 0: sign, then 0x, 0o, 0b or a leading zero (octal).
std::optional<int64_t> ParseInt(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char marker = static_cast<char>(text[1] | 0x20);
    base = marker == 'x' ? 16 : marker == 'b' ? 2 : 8;
    text.remove_prefix(marker == 'x' || marker == 'b' || marker == 'o' ? 2 : 1);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (error != std::errc() || end != text.data() + text.size() ||
      value > kMax + (negative ? 1 : 0)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(negative ? ~value + 1 : value);
}

size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) {
    ++at;
  }
  return at;
}

// ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$
bool IsYamlFloat(std::string_view text) {
  size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const size_t whole = SkipDigits(text, at);
  size_t fraction = whole;
  if (whole < text.size() && text[whole] == '.') {
    fraction = SkipDigits(text, whole + 1);
  }
  if (whole == at && fraction <= whole + 1) {
    return false;
  }
  at = fraction;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    at += at < text.size() && (text[at] == '-' || text[at] == '+') ? 1 : 0;
    const size_t end = SkipDigits(text, at);
    return end > at && end == text.size();
  }
  return at == text.size();
}

std::optional<double> ParseFloat(std::string_view text) {
  if (!IsYamlFloat(text)) {
    return std::nullopt;
  }
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range || end != text.data() + text.size()) {
    return std::nullopt;  // Go refuses it too: it stays a string
  }
  return value;
}

std::optional<Node> ResolveWord(std::string_view text) {
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) {
    return Node::Null();
  }
  if (IsOneOf(text, {"true", "True", "TRUE"})) {
    return Node::Bool(true);
  }
  if (IsOneOf(text, {"false", "False", "FALSE"})) {
    return Node::Bool(false);
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (IsOneOf(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) {
    return Node::Float(kInfinity);
  }
  if (IsOneOf(text, {"-.inf", "-.Inf", "-.INF"})) {
    return Node::Float(-kInfinity);
  }
  if (IsOneOf(text, {".nan", ".NaN", ".NAN"})) {
    return Node::Float(std::numeric_limits<double>::quiet_NaN());
  }
  return std::nullopt;
}

std::optional<Node> ResolveNumber(std::string_view text) {
  if (text.empty() || !(IsDigit(text[0]) || text[0] == '+' || text[0] == '-' || text[0] == '.')) {
    return std::nullopt;
  }
  std::string plain;
  for (const char c : text) {
    if (c != '_') {
      plain += c;
    }
  }
  if (const std::optional<int64_t> value = ParseInt(plain)) {
    return Node::Int(*value);
  }
  if (const std::optional<double> value = ParseFloat(plain)) {
    return Node::Float(*value);
  }
  return std::nullopt;
}

}  // namespace

Node ResolvePlainScalar(std::string_view text) {
  std::optional<Node> node = ResolveWord(text);
  if (!node) {
    node = ResolveNumber(text);
  }
  if (!node) {
    return Node::String(std::string(text));
  }
  node->set_text(std::string(text));
  return *std::move(node);
}

}  // namespace gapless::config
