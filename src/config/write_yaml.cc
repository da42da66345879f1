#include "config/yaml.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace gapless::config {
namespace {

constexpr size_t kIndent = 2;

// Plain style is kept to texts that no YAML reader takes for anything else.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || text.starts_with('-') || text.starts_with('=') || text.ends_with(':')) {
    return false;
  }
  for (const char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && !std::string_view("_-./:+= ").contains(c)) {
      return false;
    }
  }
  if (text.contains(": ") || text.starts_with(' ') || text.ends_with(' ') ||
      text.starts_with(':')) {
    return false;
  }
  constexpr std::string_view kOldBooleans[] = {"y", "n", "yes", "no", "on", "off"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  if (std::ranges::find(kOldBooleans, lower) != std::end(kOldBooleans)) {
    return false;
  }
  return ResolvePlainScalar(text).is_string() &&
         !(text[0] >= '0' && text[0] <= '9' && text.contains(':') && !text.contains('.') &&
           !text.contains('/'));  // 1:30 is a number in YAML 1.1
}

// The code point at `at` and its length; length 0: no UTF-8.
struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;
};
CodePoint DecodeUtf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(at);
  const size_t length = first < 0x80       ? 1
                        : first >> 5 == 6  ? 2
                        : first >> 4 == 14 ? 3
                        : first >> 3 == 30 ? 4
                                           : 0;
  if (length == 0 || at + length > text.size()) {
    return {};
  }
  uint32_t value = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(at + i) >> 6 != 2) {
      return {};
    }
    value = value << 6 | (byte(at + i) & 0x3fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      value >= kLeast[length] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
  return valid ? CodePoint{.value = value, .length = length} : CodePoint();
}

// Control characters, line separators, byte order marks: what a YAML stream may not hold or would
// fold.
bool NeedsEscape(uint32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x2028 || value == 0x2029 ||
         value == 0xfeff || value == 0xfffe || value == 0xffff;
}

// A double-quoted string that is valid in YAML and in JSON; bytes that are no UTF-8 become U+FFFD.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeUtf8(text, at);
    if (point.length == 0) {
      out += "\\ufffd";
      ++at;
      continue;
    }
    if (text[at] == '"' || text[at] == '\\') {
      out += '\\';
      out += text[at];
    } else if (text[at] == '\n') {
      out += "\\n";
    } else if (text[at] == '\t') {
      out += "\\t";
    } else if (NeedsEscape(point.value)) {
      out += fmt::format("\\u{:04x}", point.value);
    } else {
      out += text.substr(at, point.length);
    }
    at += point.length;
  }
  return out + '"';
}

// Shortest text that reads back as the same double and as a float.
std::string FloatText(double value) {
  if (std::isnan(value)) {
    return ".nan";
  }
  if (std::isinf(value)) {
    return value < 0 ? "-.inf" : ".inf";
  }
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string KeyText(const std::string& key) {
  // Keys may hold "::" and "/" but not what would make them something else than a plain scalar.
  return IsPlainSafe(key) ? key : Quoted(key);
}

// As it was written, where that reads back as the same value: some take the text of a number, such
// as an account that begins with zero, and others its value.
std::optional<std::string> AsWritten(const Node& node) {
  if (node.is_string() || !node.is_scalar() || node.text().empty()) {
    return std::nullopt;
  }
  const bool one_word = std::ranges::none_of(
      node.text(), [](char c) { return c <= ' ' || c == 0x7f || c == '#' || c == ','; });
  return one_word && ResolvePlainScalar(node.text()) == node ? std::optional(node.text())
                                                             : std::nullopt;
}

std::string ValueText(const Node& node) {
  switch (node.kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return node.bool_value() ? "true" : "false";
    case Kind::kInt:
      return std::to_string(node.int_value());
    case Kind::kFloat:
      return FloatText(node.float_value());
    case Kind::kString:
      return IsPlainSafe(node.text()) ? node.text() : Quoted(node.text());
    case Kind::kList:
      return "[]";
    case Kind::kMap:
      return "{}";
  }
  return "";
}

std::string YamlScalar(const Node& node) { return AsWritten(node).value_or(ValueText(node)); }

bool IsInline(const Node& node) {
  return node.is_scalar() || (node.is_list() ? node.list().empty() : node.map().empty());
}

void WriteYaml(const Node& node, size_t indent, std::string& out);

void WriteComment(const std::string& comment, size_t indent, std::string& out) {
  for (size_t begin = 0; begin < comment.size();) {
    const size_t end = std::min(comment.find('\n', begin), comment.size());
    out.append(indent, ' ');
    out += "# " + comment.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
}

void WriteYamlMap(const Node& node, size_t indent, bool first_indented, std::string& out) {
  for (const MapEntry& entry : node.map()) {
    if (!first_indented) {
      WriteComment(entry.comment, indent, out);
      out.append(indent, ' ');
    }
    first_indented = false;
    out += KeyText(entry.key) + ":";
    if (IsInline(entry.value)) {
      out += " " + YamlScalar(entry.value) + "\n";
    } else {
      out += "\n";
      WriteYaml(entry.value, indent + kIndent, out);
    }
  }
}

void WriteYaml(const Node& node, size_t indent, std::string& out) {
  if (node.is_map()) {
    WriteYamlMap(node, indent, false, out);
    return;
  }
  for (const Node& item : node.list()) {
    out.append(indent, ' ');
    out += "-";
    if (IsInline(item)) {
      out += " " + YamlScalar(item) + "\n";
    } else if (item.is_map()) {
      out += " ";
      WriteYamlMap(item, indent + kIndent, true, out);
    } else {
      out += "\n";
      WriteYaml(item, indent + kIndent, out);
    }
  }
}

std::string JsonScalar(const Node& node) {
  if (node.is_string()) {
    return Quoted(node.text());
  }
  if (node.kind() == Kind::kFloat && !std::isfinite(node.float_value())) {
    return Quoted(FloatText(node.float_value()));
  }
  return ValueText(node);
}

void WriteJson(const Node& node, size_t indent, std::string& out) {
  if (IsInline(node)) {
    out += JsonScalar(node);
    return;
  }
  out += node.is_map() ? "{" : "[";
  std::string separator = "\n";
  const auto next = [&] {
    out += separator;
    out.append(indent + kIndent, ' ');
    separator = ",\n";
  };
  for (const MapEntry& entry : node.map()) {
    next();
    out += Quoted(entry.key) + ": ";
    WriteJson(entry.value, indent + kIndent, out);
  }
  for (const Node& item : node.list()) {
    next();
    WriteJson(item, indent + kIndent, out);
  }
  out += '\n';
  out.append(indent, ' ');
  out += node.is_map() ? "}" : "]";
}

void WriteFlow(const Node& node, std::string& out) {
  if (IsInline(node)) {
    out += ValueText(node);
    return;
  }
  out += node.is_map() ? "{" : "[";
  std::string_view separator;
  for (const MapEntry& entry : node.map()) {
    out += separator;
    out += KeyText(entry.key) + ": ";
    WriteFlow(entry.value, out);
    separator = ", ";
  }
  for (const Node& item : node.list()) {
    out += separator;
    WriteFlow(item, out);
    separator = ", ";
  }
  out += node.is_map() ? "}" : "]";
}

}  // namespace

std::string ToYaml(const Node& node) {
  if (IsInline(node)) {
    return YamlScalar(node) + "\n";
  }
  std::string out;
  WriteYaml(node, 0, out);
  return out;
}

std::string ToJson(const Node& node) {
  std::string out;
  WriteJson(node, 0, out);
  return out + "\n";
}

std::string ToText(const Node& node) {
  std::string out;
  WriteFlow(node, out);
  return out;
}

}  // namespace gapless::config
