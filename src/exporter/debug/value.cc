#include "exporter/debug/value.h"

#include "fmt/format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <iterator>
#include <map>

namespace gapless::exporter::debug {
namespace {

// Fields of AnyValue.
enum AnyField : uint32_t {
  kString = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kArray = 5,
  kMap = 6,
  kBytes = 7,
};
constexpr uint32_t kValues = 1;  // of ArrayValue and KeyValueList

// Deeper values are cut off; batches are validated with a smaller bound.
constexpr int kDepthMax = 128;

// The field of the oneof that counts: the last one on the wire.
wire::Field OneOf(const Record& value) {
  wire::Field last;
  wire::FieldReader reader(value.bytes());
  for (wire::Field field; reader.Next(&field);) {
    if (field.number >= kString && field.number <= kBytes) {
      last = field;
    }
  }
  return last;
}

std::string_view TypeName(uint32_t field) {
  constexpr std::array<std::string_view, 8> kNames = {"Empty",  "Str",   "Bool", "Int",
                                                      "Double", "Slice", "Map",  "Bytes"};
  return field < kNames.size() ? kNames[field] : "Empty";
}

std::string Base64(ByteSpan bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint32_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      text += padding ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

std::string ToChars(double value, std::chars_format format) {
  std::array<char, 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  return {buffer.data(), end};
}

// encoding/json's form of a number: as JavaScript writes it.
std::string JsonDouble(double value) {
  if (!std::isfinite(value)) {
    return FixedDouble(value);
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

void AppendJson(std::string* out, const Record& value, int depth);

void AppendJsonList(std::string* out, const Record& list, int depth) {
  *out += '[';
  std::string_view separator;
  for (const Record& item : list.Children(kValues)) {
    *out += std::exchange(separator, ",");
    AppendJson(out, item, depth);
  }
  *out += ']';
}

void AppendJsonMap(std::string* out, const Record& map, int depth) {
  std::map<std::string_view, Record> sorted;
  for (const auto& [key, value] : AttributesOf(map, kValues)) {
    sorted[key] = value;
  }
  *out += '{';
  std::string_view separator;
  for (const auto& [key, value] : sorted) {
    *out += std::exchange(separator, ",");
    AppendJsonString(out, key);
    *out += ':';
    AppendJson(out, value, depth);
  }
  *out += '}';
}

void AppendJson(std::string* out, const Record& value, int depth) {
  const wire::Field field = OneOf(value);
  if (depth >= kDepthMax || field.number == 0) {
    *out += "null";
  } else if (field.number == kString) {
    AppendJsonString(out, field.text());
  } else if (field.number == kArray) {
    AppendJsonList(out, Record(field.bytes), depth + 1);
  } else if (field.number == kMap) {
    AppendJsonMap(out, Record(field.bytes), depth + 1);
  } else if (field.number == kBytes) {
    AppendJsonString(out, Base64(field.bytes));
  } else {
    *out += ValueText(value);
  }
}

}  // namespace

std::string ValueText(const Record& value) {
  const wire::Field field = OneOf(value);
  std::string text;
  switch (field.number) {
    case kString:
      return std::string(field.text());
    case kBool:
      return field.value != 0 ? "true" : "false";
    case kInt:
      return fmt::format("{}", field.as_int64());
    case kDouble:
      return JsonDouble(field.as_double());
    case kBytes:
      return Base64(field.bytes);
    case kArray:
    case kMap:
      AppendJson(&text, value, 0);
      return text;
    default:
      return text;
  }
}

std::string TypedValueText(const Record& value) {
  return fmt::format("{}({})", TypeName(OneOf(value).number), ValueText(value));
}

std::vector<std::pair<std::string_view, Record>> AttributesOf(const Record& record,
                                                              uint32_t number) {
  std::vector<std::pair<std::string_view, Record>> attributes;
  for (const Record& pair : record.Children(number)) {
    attributes.emplace_back(pair.Text(1), pair.Child(2));
  }
  return attributes;
}

std::string ShortDouble(double value) {
  if (!std::isfinite(value)) {
    return FixedDouble(value);
  }
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e21);
  return ToChars(value, plain ? std::chars_format::fixed : std::chars_format::scientific);
}

std::string FixedDouble(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return fmt::format("{:f}", value);
}

std::string TimeText(uint64_t unix_nanoseconds) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const auto seconds = static_cast<std::time_t>(unix_nanoseconds / kSecond);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  std::string fraction;
  if (const uint64_t rest = unix_nanoseconds % kSecond; rest != 0) {
    fraction = fmt::format(".{:09}", rest);
    fraction.erase(fraction.find_last_not_of('0') + 1);
  }
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}{} +0000 UTC", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, fraction);
}

}  // namespace gapless::exporter::debug
