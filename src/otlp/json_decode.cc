#include "otlp/json_decode.h"

#include "wire/base64.h"
#include "wire/json_reader.h"
#include "wire/proto.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

namespace gapless::otlp {
namespace {

using wire::JsonCursor;
using wire::JsonType;
using wire::JsonValue;
using wire::WireType;
using wire::Writer;

// Messages inside messages, as in the scan.
constexpr uint32_t kMaxDepth = 100;
// Of the text: what nobody knows may be nested deeper, and is skipped. Upstream's limit.
constexpr size_t kMaxJsonDepth = 10'000;
// Of values and names in a text that is larger than kUncounted: each takes time and memory, however
// small it is.
constexpr size_t kMaxTokens = 2'000'000;
constexpr size_t kUncounted = size_t{1} << 20;
// A parser that grew beyond this is not kept.
constexpr size_t kKeptText = size_t{1} << 20;

template <typename T>
std::optional<T> ParseText(std::string_view text) {
  T value = {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower;
}

// Signed integers may have a plus sign, as for Go's strconv.
template <typename T>
std::optional<T> IntegerText(std::string_view text) {
  if (std::is_signed_v<T> && text.size() > 1 && text[0] == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  return ParseText<T>(text);
}

// As Go's strconv.ParseFloat: any letter case, a sign, "Inf" and "Infinity".
std::optional<double> DoubleText(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  if (digits.starts_with('-') || digits.starts_with('+')) {
    return std::nullopt;
  }
  if (!digits.empty() && !(digits[0] >= '0' && digits[0] <= '9') && digits[0] != '.') {
    const std::string word = AsciiLower(digits);
    if (word == "nan" && text.size() == word.size()) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    const double infinity = std::numeric_limits<double>::infinity();
    return word == "inf" || word == "infinity" ? std::optional(negative ? -infinity : infinity)
                                               : std::nullopt;
  }
  const std::optional<double> number = ParseText<double>(digits);
  return number && negative ? std::optional(-*number) : number;
}

// An integer given as a number, as a number with an empty fraction, or as a string.
template <typename T>
std::optional<T> Integer(const JsonValue& value) {
  switch (value.type()) {
    case JsonType::kInt64:
      return std::in_range<T>(value.int64()) ? std::optional(static_cast<T>(value.int64()))
                                             : std::nullopt;
    case JsonType::kUint64:
      return std::in_range<T>(value.uint64()) ? std::optional(static_cast<T>(value.uint64()))
                                              : std::nullopt;
    case JsonType::kDouble: {
      // Above 2^53 a double no longer names one integer.
      const double number = value.number();
      if (std::trunc(number) != number || std::fabs(number) > 0x1p53) {
        return std::nullopt;
      }
      const auto whole = static_cast<int64_t>(number);
      return std::in_range<T>(whole) ? std::optional(static_cast<T>(whole)) : std::nullopt;
    }
    case JsonType::kString:
      return IntegerText<T>(value.string());
    case JsonType::kObject:
    case JsonType::kArray:
    case JsonType::kBool:
    case JsonType::kNull:
      break;
  }
  return std::nullopt;
}

std::optional<double> Double(const JsonValue& value) {
  switch (value.type()) {
    case JsonType::kInt64:
      return static_cast<double>(value.int64());
    case JsonType::kUint64:
      return static_cast<double>(value.uint64());
    case JsonType::kDouble:
      return value.number();
    case JsonType::kString:
      return DoubleText(value.string());
    case JsonType::kObject:
    case JsonType::kArray:
    case JsonType::kBool:
    case JsonType::kNull:
      break;
  }
  return std::nullopt;
}

std::optional<int32_t> EnumNumber(const FieldDef& def, const JsonValue& value) {
  if (value.type() == JsonType::kString) {
    for (const EnumValue& known : EnumValues(def.enumeration)) {
      if (known.name == value.string()) {
        return known.number;
      }
    }
  }
  return Integer<int32_t>(value);
}

// The value as it stands on the wire (varint or fixed); nullopt if the JSON does not fit.
std::optional<uint64_t> WireNumber(const FieldDef& def, const JsonValue& value) {
  const auto widen = [](auto number) -> std::optional<uint64_t> {
    return number ? std::optional(static_cast<uint64_t>(static_cast<int64_t>(*number)))
                  : std::nullopt;
  };
  switch (def.kind) {
    case Kind::kBool:
      return value.type() == JsonType::kBool ? std::optional<uint64_t>(value.boolean())
                                             : std::nullopt;
    case Kind::kInt32:
      return widen(Integer<int32_t>(value));
    case Kind::kEnum:
      return widen(EnumNumber(def, value));
    case Kind::kUint32:
    case Kind::kFixed32:
      return Integer<uint32_t>(value);
    case Kind::kSint32: {
      const auto number = Integer<int32_t>(value);
      return number ? std::optional(wire::ZigZag(*number)) : std::nullopt;
    }
    case Kind::kInt64:
    case Kind::kSfixed64:
      return widen(Integer<int64_t>(value));
    case Kind::kUint64:
    case Kind::kFixed64:
      return Integer<uint64_t>(value);
    case Kind::kDouble: {
      const auto number = Double(value);
      return number ? std::optional(std::bit_cast<uint64_t>(*number)) : std::nullopt;
    }
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kTraceId:
    case Kind::kSpanId:
    case Kind::kMessage:
      break;
  }
  return std::nullopt;
}

std::string_view Wanted(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return "a string";
    case Kind::kBytes:
      return "a base64 string";
    case Kind::kTraceId:
      return "a hex string of 32 digits";
    case Kind::kSpanId:
      return "a hex string of 16 digits";
    case Kind::kBool:
      return "true or false";
    case Kind::kInt32:
    case Kind::kSint32:
    case Kind::kUint32:
    case Kind::kFixed32:
      return "a 32-bit integer";
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kFixed64:
    case Kind::kSfixed64:
      return "a 64-bit integer";
    case Kind::kDouble:
      return "a number";
    case Kind::kEnum:
      return "the number or name of an enumeration value";
    case Kind::kMessage:
      return "an object";
  }
  return "";
}

Status Mismatch(const FieldDef& def) {
  return InvalidArgument(fmt::format("{}: expected {}", def.json, Wanted(def.kind)));
}

// `next` is where the search begins, and after it the place behind the find: members mostly stand
// in the table's order.
const FieldDef* FindKey(std::span<const FieldDef> fields, std::string_view key, size_t* next) {
  for (size_t i = 0; i < fields.size(); ++i) {
    const size_t at = (*next + i) % fields.size();
    const FieldDef& def = fields[at];
    if (key == def.json || (!def.snake.empty() && key == def.snake)) {
      *next = at + 1;
      return &def;
    }
  }
  return nullptr;
}

// null is as good as absent, but it chooses a member of a oneof where upstream's reader lets it.
bool IsMadeByNull(const FieldDef& def) {
  return def.presence == Presence::kOneof &&
         (def.kind == Kind::kString || def.kind == Kind::kMessage);
}

class Decoder {
 public:
  explicit Decoder(std::string* out) : out_(*out), writer_(out) {}

  Status Object(const JsonValue& value, Message message, uint32_t depth);

 private:
  Status Elements(const FieldDef& def, const JsonValue& value, uint32_t depth);
  Status Single(const FieldDef& def, const JsonValue& value, bool keep_zero, uint32_t depth);
  bool Text(const FieldDef& def, std::string_view text, bool keep_zero);
  void Number(const FieldDef& def, uint64_t number);

  std::string& out_;
  Writer writer_;
  std::string scratch_;
};

void Decoder::Number(const FieldDef& def, uint64_t number) {
  switch (def.kind) {
    case Kind::kFixed32:
      writer_.Fixed32(def.number, static_cast<uint32_t>(number));
      return;
    case Kind::kFixed64:
    case Kind::kSfixed64:
    case Kind::kDouble:
      writer_.Fixed64(def.number, number);
      return;
    default:
      writer_.Varint(def.number, number);
      return;
  }
}

bool Decoder::Text(const FieldDef& def, std::string_view text, bool keep_zero) {
  if (def.kind != Kind::kString) {
    scratch_.clear();
    const bool id = def.kind != Kind::kBytes;
    const size_t size = def.kind == Kind::kTraceId ? 16 : 8;
    if (!(id ? wire::ParseHex(text, &scratch_) : wire::ParseBase64(text, &scratch_)) ||
        (id && !scratch_.empty() && scratch_.size() != size)) {
      return false;
    }
    text = scratch_;
  }
  if (!text.empty() || keep_zero) {
    writer_.Bytes(def.number, text);
  }
  return true;
}

Status Decoder::Single(const FieldDef& def, const JsonValue& value, bool keep_zero,
                       uint32_t depth) {
  switch (def.kind) {
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kTraceId:
    case Kind::kSpanId:
      return value.type() == JsonType::kString && Text(def, value.string(), keep_zero)
                 ? OkStatus()
                 : Mismatch(def);
    case Kind::kMessage: {
      if (value.type() != JsonType::kObject) {
        return Mismatch(def);
      }
      const size_t mark = writer_.Begin(def.number);
      Status status = Object(value, def.message, depth + 1);
      writer_.End(mark);
      return status.ok() ? status : status.Annotate(def.json);
    }
    default: {
      const std::optional<uint64_t> number = WireNumber(def, value);
      if (!number) {
        return Mismatch(def);
      }
      if (*number != 0 || keep_zero) {
        Number(def, *number);
      }
      return OkStatus();
    }
  }
}

Status Decoder::Elements(const FieldDef& def, const JsonValue& value, uint32_t depth) {
  if (value.type() != JsonType::kArray) {
    return InvalidArgument(fmt::format("{}: expected an array", def.json));
  }
  JsonCursor cursor(value);
  std::string_view key;
  if (def.kind == Kind::kMessage || def.kind == Kind::kString) {
    for (JsonValue element; cursor.Next(&key, &element);) {
      if (element.type() == JsonType::kNull) {
        writer_.Bytes(def.number, std::string_view());  // upstream's reader makes an empty one
      } else {
        RETURN_IF_ERROR(Single(def, element, true, depth));
      }
    }
    return OkStatus();
  }
  const size_t start = out_.size();
  const size_t mark = writer_.Begin(def.number);
  for (JsonValue element; cursor.Next(&key, &element);) {
    const std::optional<uint64_t> number = WireNumber(def, element);
    if (!number) {
      return Mismatch(def);
    }
    if (def.kind == Kind::kUint64) {
      writer_.RawVarint(*number);
    } else {
      out_.append(reinterpret_cast<const char*>(&*number), sizeof *number);
    }
  }
  if (out_.size() == mark) {
    out_.resize(start);
  } else {
    writer_.End(mark);
  }
  return OkStatus();
}

Status Decoder::Object(const JsonValue& value, Message message, uint32_t depth) {
  if (depth > kMaxDepth) {
    return InvalidArgument("nested too deeply");
  }
  const auto fields = Fields(message);
  size_t next = 0;
  JsonCursor cursor(value);
  std::string_view key;
  for (JsonValue member; cursor.Next(&key, &member);) {
    const FieldDef* def = FindKey(fields, key, &next);
    if (!def) {
      continue;
    }
    if (member.type() == JsonType::kNull) {
      if (IsMadeByNull(*def)) {
        writer_.Bytes(def->number, std::string_view());
      }
      continue;
    }
    RETURN_IF_ERROR(def->repeated
                        ? Elements(*def, member, depth)
                        : Single(*def, member, def->presence != Presence::kImplicit, depth));
  }
  return OkStatus();
}

// About as many as there are: every one but the last is followed by one of these, or begins with
// it.
size_t CountTokens(const Rope& text) {
  size_t count = 0;
  for (const Slice& slice : text.slices()) {
    for (const char c : slice.text()) {
      count += static_cast<size_t>(c == ',') + static_cast<size_t>(c == ':') +
               static_cast<size_t>(c == '[') + static_cast<size_t>(c == '{');
    }
  }
  return count;
}

}  // namespace

Result<Rope> DecodeJson(const Rope& text, Message message) {
  if (text.size() > kUncounted && CountTokens(text) > kMaxTokens) {
    return ResourceExhausted(fmt::format("the JSON text has more than {} values", kMaxTokens));
  }
  thread_local wire::JsonParser parser;
  std::string out;
  Status status;
  {
    const auto root = parser.Parse(text, kMaxJsonDepth);
    if (!root.ok()) {
      status = root.status();
    } else if (root->type() == JsonType::kNull) {
      // As upstream: nothing.
    } else if (root->type() != JsonType::kObject) {
      status = InvalidArgument("expected a JSON object");
    } else {
      out.reserve(text.size() / 2);
      status = Decoder(&out).Object(*root, message, 1);
    }
  }
  if (parser.capacity() > kKeptText) {
    parser.Release();
  }
  RETURN_IF_ERROR(status);
  return Rope::CopyOf(out);
}

Result<Rope> DecodeJson(const Rope& text, Signal signal) {
  return DecodeJson(text, RequestMessage(signal));
}

}  // namespace gapless::otlp
