#include "otlp/any_value.h"

#include "wire/base64.h"
#include "wire/proto.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace gapless::otlp {
namespace {

using wire::Field;
using wire::FieldReader;
using wire::WireType;

constexpr uint32_t kKey = 1;     // of KeyValue
constexpr uint32_t kValue = 2;   // of KeyValue
constexpr uint32_t kValues = 1;  // of ArrayValue and KeyValueList

// Deeper values are cut off; scanned requests have a smaller bound.
constexpr int kDepthMax = 128;

std::string ToChars(double value, std::chars_format format) {
  std::array<char, 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  return {buffer.data(), end};
}

// Go's encoding/json, which writes numbers as JavaScript does.
std::string JsonDouble(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  const double size = std::abs(value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) {
    return ToChars(value, std::chars_format::fixed);
  }
  std::string text = ToChars(value, std::chars_format::scientific);
  // e-09 becomes e-9.
  if (const size_t zero = text.find("e-0"); zero != std::string::npos) {
    text.erase(zero + 2, 1);
  }
  return text;
}

std::string Base64(ByteSpan bytes) {
  std::string text;
  wire::AppendBase64(bytes, true, &text);
  return text;
}

void AppendJsonString(std::string* out, std::string_view text) {
  *out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        // Go escapes what HTML could mistake for markup.
        if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
          fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

void AppendJson(std::string* out, const AnyValue& value, int depth);

void AppendJsonList(std::string* out, ByteSpan list, int depth) {
  *out += '[';
  std::string_view separator;
  FieldReader reader(list);
  for (Field item; reader.Next(&item);) {
    if (item.is(kValues, WireType::kBytes)) {
      *out += std::exchange(separator, ",");
      AppendJson(out, ReadValue(item.bytes), depth);
    }
  }
  *out += ']';
}

void AppendJsonMap(std::string* out, ByteSpan map, int depth) {
  std::map<std::string_view, ByteSpan> sorted;
  FieldReader reader(map);
  for (Field item; reader.Next(&item);) {
    if (item.is(kValues, WireType::kBytes)) {
      const KeyValue pair = ReadKeyValue(item.bytes);
      sorted[pair.key] = pair.value;
    }
  }
  *out += '{';
  std::string_view separator;
  for (const auto& [key, value] : sorted) {
    *out += std::exchange(separator, ",");
    AppendJsonString(out, key);
    *out += ':';
    AppendJson(out, ReadValue(value), depth);
  }
  *out += '}';
}

void AppendJson(std::string* out, const AnyValue& value, int depth) {
  if (depth >= kDepthMax) {
    *out += "null";
    return;
  }
  switch (value.type) {
    case ValueType::kEmpty:
      *out += "null";
      break;
    case ValueType::kString:
      AppendJsonString(out, value.text());
      break;
    case ValueType::kBytes:
      AppendJsonString(out, Base64(value.bytes));
      break;
    case ValueType::kArray:
      AppendJsonList(out, value.bytes, depth + 1);
      break;
    case ValueType::kMap:
      AppendJsonMap(out, value.bytes, depth + 1);
      break;
    case ValueType::kBool:
    case ValueType::kInt:
    case ValueType::kDouble:
      *out += ValueText(value);
      break;
  }
}

std::string Encode(auto write) {
  std::string message;
  wire::Writer writer(&message);
  write(writer);
  return message;
}

constexpr uint32_t Number(ValueType type) { return static_cast<uint32_t>(type); }

}  // namespace

std::string_view ToString(ValueType type) {
  constexpr std::array<std::string_view, 8> kNames = {"Empty",  "Str",   "Bool", "Int",
                                                      "Double", "Slice", "Map",  "Bytes"};
  return kNames[static_cast<size_t>(type)];
}

double AnyValue::as_double() const { return std::bit_cast<double>(bits); }

AnyValue ReadValue(ByteSpan message) {
  AnyValue value;
  FieldReader reader(message);
  for (Field field; reader.Next(&field);) {
    if (field.number >= Number(ValueType::kString) && field.number <= Number(ValueType::kBytes)) {
      value = {
          .type = static_cast<ValueType>(field.number), .bits = field.value, .bytes = field.bytes};
    }
  }
  return value;
}

KeyValue ReadKeyValue(ByteSpan message) {
  KeyValue pair;
  FieldReader reader(message);
  for (Field field; reader.Next(&field);) {
    if (field.is(kKey, WireType::kBytes)) {
      pair.key = field.text();
    } else if (field.is(kValue, WireType::kBytes)) {
      pair.value = field.bytes;
    }
  }
  return pair;
}

std::string ValueText(const AnyValue& value) {
  std::string text;
  switch (value.type) {
    case ValueType::kEmpty:
      break;
    case ValueType::kString:
      text = value.text();
      break;
    case ValueType::kBool:
      text = value.as_bool() ? "true" : "false";
      break;
    case ValueType::kInt:
      text = fmt::to_string(value.as_int());
      break;
    case ValueType::kDouble:
      text = JsonDouble(value.as_double());
      break;
    case ValueType::kBytes:
      text = Base64(value.bytes);
      break;
    case ValueType::kArray:
    case ValueType::kMap:
      AppendJson(&text, value, 0);
      break;
  }
  return text;
}

std::string StringValue(std::string_view text) {
  return Encode([&](wire::Writer& writer) { writer.Bytes(Number(ValueType::kString), text); });
}

std::string BoolValue(bool value) {
  return Encode(
      [&](wire::Writer& writer) { writer.Varint(Number(ValueType::kBool), value ? 1 : 0); });
}

std::string IntValue(int64_t value) {
  return Encode([&](wire::Writer& writer) {
    writer.Varint(Number(ValueType::kInt), static_cast<uint64_t>(value));
  });
}

std::string DoubleValue(double value) {
  return Encode([&](wire::Writer& writer) { writer.Double(Number(ValueType::kDouble), value); });
}

}  // namespace gapless::otlp
