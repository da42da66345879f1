// Codecs of values that are one scalar, and of header maps.
#include "config/codecs.h"

#include "base/duration_text.h"
#include "config/nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace gapless::config {
namespace {

// A codec of three functions; most scalars are no more.
template <typename T>
struct ScalarOps {
  std::string_view type_name;
  void (*decode)(const Node& node, T& out, Context& context);
  Node (*encode)(const T& value, Secrets secrets);
  std::optional<int64_t> (*magnitude)(const T& value) = nullptr;
  std::string (*magnitude_text)(int64_t magnitude) = nullptr;
};

template <typename T>
class ScalarCodec final : public Codec {
 public:
  explicit ScalarCodec(ScalarOps<T> ops) : ops_(ops) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    ops_.decode(node, *static_cast<T*>(out), context);
  }
  Node Encode(const void* value, Secrets secrets) const override {
    return ops_.encode(*static_cast<const T*>(value), secrets);
  }
  std::string TypeName() const override { return std::string(ops_.type_name); }
  std::optional<int64_t> Magnitude(const void* value) const override {
    return ops_.magnitude != nullptr ? ops_.magnitude(*static_cast<const T*>(value)) : std::nullopt;
  }
  std::string MagnitudeText(int64_t magnitude) const override {
    return ops_.magnitude_text != nullptr ? ops_.magnitude_text(magnitude)
                                          : std::to_string(magnitude);
  }

 private:
  ScalarOps<T> ops_;
};

template <typename T>
CodecPtr MakeScalar(ScalarOps<T> ops) {
  return std::make_shared<ScalarCodec<T>>(ops);
}

std::string Quote(const Context& context, std::string_view message) {
  return fmt::format("'{}' {}", context.name(), message);
}

// The text of a string, or of anything that came whole from `${…}`; null and a problem if it is
// neither.
const std::string* TextOf(const Node& node, std::string_view expected, Context& context) {
  if (node.is_string() || node.expanded()) {
    return &node.text();
  }
  if (!node.is_null()) {
    context.FailType(node, expected);
  }
  return nullptr;
}

// An integer, or a float without a fraction.
std::optional<int64_t> IntegerOf(const Node& node, std::string_view expected, Context& context) {
  if (node.kind() == Kind::kInt) {
    return node.int_value();
  }
  if (node.kind() == Kind::kFloat) {
    const double value = node.float_value();
    if (std::trunc(value) == value && std::abs(value) < 0x1p63) {
      return static_cast<int64_t>(value);
    }
  }
  if (!node.is_null()) {
    context.FailType(node, expected);
  }
  return std::nullopt;
}

template <typename T>
constexpr std::string_view kIntName = "int";
template <>
constexpr std::string_view kIntName<int64_t> = "int64";
template <>
constexpr std::string_view kIntName<uint16_t> = "uint16";
template <>
constexpr std::string_view kIntName<uint32_t> = "uint32";
template <>
constexpr std::string_view kIntName<uint64_t> = "uint64";

template <typename T>
void DecodeInt(const Node& node, T& out, Context& context) {
  const std::optional<int64_t> value = IntegerOf(node, kIntName<T>, context);
  if (!value) {
    return;
  }
  if (std::is_unsigned_v<T> && *value < 0) {
    context.Fail(
        node.mark(),
        Quote(context,
              fmt::format("cannot convert negative value {} to an unsigned integer", *value)));
    return;
  }
  if (!std::in_range<T>(*value)) {
    context.Fail(node.mark(), Quote(context, fmt::format("value {} is out of the range of {}",
                                                         *value, kIntName<T>)));
    return;
  }
  out = static_cast<T>(*value);
}

template <typename T>
CodecPtr IntCodec() {
  return MakeScalar<T>(
      {.type_name = kIntName<T>,
       .decode = DecodeInt<T>,
       .encode = [](const T& value, Secrets) { return Node::Int(static_cast<int64_t>(value)); },
       .magnitude = [](const T& value) { return std::optional(static_cast<int64_t>(value)); }});
}

void DecodeBool(const Node& node, bool& out, Context& context) {
  if (node.kind() == Kind::kBool) {
    out = node.bool_value();
  } else if (!node.is_null()) {
    context.FailType(node, "bool");
  }
}

void DecodeDouble(const Node& node, double& out, Context& context) {
  if (node.kind() == Kind::kFloat) {
    out = node.float_value();
  } else if (node.kind() == Kind::kInt) {
    out = static_cast<double>(node.int_value());
  } else if (!node.is_null()) {
    context.FailType(node, "float64");
  }
}

void DecodeString(const Node& node, std::string& out, Context& context) {
  if (const std::string* text = TextOf(node, "string", context)) {
    out = *text;
  }
}

void DecodeSecret(const Node& node, Secret& out, Context& context) {
  if (const std::string* text = TextOf(node, "string", context)) {
    out = Secret(*text);
  }
}

void DecodeId(const Node& node, ComponentId& out, Context& context) {
  static const std::string kEmpty;
  const std::string* text = node.is_null() ? &kEmpty : TextOf(node, "component.ID", context);
  if (text == nullptr) {
    return;
  }
  Result<ComponentId> id = ComponentId::Parse(*text);
  if (id.ok()) {
    out = *std::move(id);
  } else {
    context.Fail(node.mark(), Quote(context, id.status().message()));
  }
}

// A value that is written as text with a unit, or as a bare number in the smallest unit.
template <typename T>
void DecodeUnit(const Node& node, T& out, Context& context, std::string_view expected,
                Result<T> (*parse)(std::string_view), T (*from_count)(int64_t)) {
  if (node.is_string()) {
    const Result<T> value = parse(node.text());
    if (value.ok()) {
      out = *value;
    } else {
      context.Fail(node.mark(), Quote(context, value.status().message()));
    }
  } else if (const std::optional<int64_t> count = IntegerOf(node, expected, context)) {
    out = from_count(*count);
  }
}

void DecodeDuration(const Node& node, Duration& out, Context& context) {
  DecodeUnit<Duration>(node, out, context, "time.Duration", ParseDuration,
                       [](int64_t count) { return Duration(count); });
}

// Sizes and rates have no sign.
bool IsNegative(const Node& node, Context& context) {
  const bool negative = (node.kind() == Kind::kInt && node.int_value() < 0) ||
                        (node.kind() == Kind::kFloat && node.float_value() < 0);
  if (negative) {
    context.Fail(node.mark(), Quote(context, "must not be negative"));
  }
  return negative;
}

void DecodeByteSize(const Node& node, ByteSize& out, Context& context) {
  if (!IsNegative(node, context)) {
    DecodeUnit<ByteSize>(node, out, context, "size", ParseByteSize,
                         [](int64_t count) { return ByteSize{static_cast<uint64_t>(count)}; });
  }
}

void DecodeByteRate(const Node& node, ByteRate& out, Context& context) {
  if (!IsNegative(node, context)) {
    DecodeUnit<ByteRate>(node, out, context, "rate", ParseByteRate,
                         [](int64_t count) { return ByteRate{static_cast<uint64_t>(count)}; });
  }
}

void DecodePercent(const Node& node, Percent& out, Context& context) {
  const bool number = node.kind() == Kind::kInt || node.kind() == Kind::kFloat;
  if (!number && !node.is_string()) {
    if (!node.is_null()) {
      context.FailType(node, "percentage");
    }
    return;
  }
  const Result<Percent> value = ParsePercent(node.text());
  if (value.ok()) {
    out = *value;
  } else {
    context.Fail(node.mark(), Quote(context, value.status().message()));
  }
}

void DecodeSizeOrPercent(const Node& node, SizeOrPercent& out, Context& context) {
  if (!IsNegative(node, context)) {
    DecodeUnit<SizeOrPercent>(
        node, out, context, "size or percentage", ParseSizeOrPercent, [](int64_t count) {
          return SizeOrPercent{.size = ByteSize{static_cast<uint64_t>(count)}, .percent = {}};
        });
  }
}

int64_t Clamped(uint64_t value) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(value, kMax));
}

// One {name, value} of the list form.
void DecodeHeader(const Node& node, HeaderMap& out, Context& context) {
  if (!node.is_map()) {
    context.FailType(node, "map of name and value");
    return;
  }
  Header header;
  for (const MapEntry& entry : node.map()) {
    if (entry.key != "name" && entry.key != "value") {
      context.Fail(entry.key_mark, Quote(context, fmt::format("has invalid keys: {}", entry.key)));
      continue;
    }
    const Context::Step step(context, entry.key);
    if (entry.key == "name") {
      DecodeString(entry.value, header.name, context);
    } else {
      DecodeSecret(entry.value, header.value, context);
    }
  }
  if (header.name.empty()) {
    context.Fail(node.mark(), Quote(context, "a header needs a non-empty name"));
  } else if (out.Find(header.name) != nullptr) {
    context.Fail(node.mark(), Quote(context, fmt::format("duplicate keys in map-style list: [{}]",
                                                         header.name)));
  } else {
    out.items.push_back(std::move(header));
  }
}

void DecodeHeaders(const Node& node, HeaderMap& out, Context& context) {
  if (node.is_null()) {
    return;
  }
  if (node.is_scalar()) {
    context.Fail(node.mark(), Quote(context, fmt::format("expected a map or a list of name and "
                                                         "value, got \"{}\"",
                                                         GoTypeName(node.kind()))));
    return;
  }
  out.items.clear();
  for (size_t i = 0; i < node.list().size(); ++i) {
    const Context::Step step(context, i);
    DecodeHeader(node.list()[i], out, context);
  }
  for (const MapEntry& entry : node.map()) {
    const Context::Step step(context, entry.key);
    Header header{.name = entry.key, .value = Secret()};
    DecodeSecret(entry.value, header.value, context);
    out.items.push_back(std::move(header));
  }
}

Node EncodeSecret(const Secret& secret, Secrets secrets) {
  const bool hide = secrets == Secrets::kRedacted && !secret.empty();
  return Node::String(hide ? kRedacted : secret.Reveal());
}

// Whether a key of a raw value holds secrets: the field tables are not there to tell.
bool NamesSecret(std::string_view key) {
  constexpr std::string_view kWords[] = {"headers",       "password", "secret", "token",
                                         "authorization", "api_key",  "apikey", "pem"};
  return std::ranges::any_of(
      kWords, [key](std::string_view word) { return key == word || key.ends_with(word); });
}

void Redact(Node& node, bool secret) {
  if (secret && node.is_scalar() && !node.text().empty()) {
    node = Node::String(kRedacted, node.mark());
  }
  for (Node& item : node.list()) {
    Redact(item, secret);
  }
  for (MapEntry& entry : node.map()) {
    // In the list form of headers the name is no secret.
    Redact(entry.value, (secret && entry.key != "name") || NamesSecret(entry.key));
  }
}

Node EncodeNode(const Node& value, Secrets secrets) {
  Node node = value;
  if (secrets == Secrets::kRedacted) {
    Redact(node, false);
  }
  return node;
}

Node EncodeHeaders(const HeaderMap& headers, Secrets secrets) {
  Node map = Node::Map();
  for (const Header& header : headers.items) {
    map.Set(header.name, EncodeSecret(header.value, secrets));
  }
  return map;
}

class EnumCodec final : public Codec {
 public:
  EnumCodec(EnumOps ops, std::vector<EnumName> names, EnumStyle style)
      : ops_(ops), names_(std::move(names)), style_(style) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    const std::string* text = TextOf(node, "string", context);
    if (text == nullptr) {
      return;
    }
    for (const EnumName& row : names_) {
      if (Matches(row.name, *text)) {
        ops_.set(out, row.value);
        return;
      }
    }
    std::vector<std::string> names;
    names.reserve(names_.size());
    for (const EnumName& row : names_) {
      names.emplace_back(row.name.empty() ? "\"\"" : row.name);
    }
    context.Fail(node.mark(),
                 Quote(context, fmt::format("{} \"{}\"{} (valid values: {})", style_.refusal, *text,
                                            NearestHint(*text, names), fmt::join(names, ", "))));
  }
  Node Encode(const void* value, Secrets /*secrets*/) const override {
    const int64_t current = ops_.get(value);
    for (const EnumName& row : names_) {
      if (row.value == current) {
        return Node::String(std::string(row.name));
      }
    }
    return Node::Null();
  }
  std::string TypeName() const override {
    std::string text;
    for (const EnumName& row : names_) {
      text += fmt::format("{}{}", text.empty() ? "" : "|", row.name.empty() ? "\"\"" : row.name);
    }
    return text;
  }

 private:
  bool Matches(std::string_view name, std::string_view text) const {
    const auto same = [this](char a, char b) {
      const auto fold = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      };
      return a == b || (style_.ignore_case && fold(a) == fold(b));
    };
    return std::ranges::equal(name, text, same);
  }

  EnumOps ops_;
  std::vector<EnumName> names_;
  EnumStyle style_;
};

}  // namespace

CodecPtr BuiltinCodec(std::type_identity<bool>) {
  return MakeScalar<bool>({.type_name = "bool",
                           .decode = DecodeBool,
                           .encode = [](const bool& value, Secrets) { return Node::Bool(value); }});
}
CodecPtr BuiltinCodec(std::type_identity<int32_t>) { return IntCodec<int32_t>(); }
CodecPtr BuiltinCodec(std::type_identity<int64_t>) { return IntCodec<int64_t>(); }
CodecPtr BuiltinCodec(std::type_identity<uint16_t>) { return IntCodec<uint16_t>(); }
CodecPtr BuiltinCodec(std::type_identity<uint32_t>) { return IntCodec<uint32_t>(); }
CodecPtr BuiltinCodec(std::type_identity<uint64_t>) { return IntCodec<uint64_t>(); }
CodecPtr BuiltinCodec(std::type_identity<double>) {
  return MakeScalar<double>(
      {.type_name = "float", .decode = DecodeDouble, .encode = [](const double& value, Secrets) {
         return Node::Float(value);
       }});
}
CodecPtr BuiltinCodec(std::type_identity<Duration>) {
  return MakeScalar<Duration>(
      {.type_name = "duration",
       .decode = DecodeDuration,
       .encode = [](const Duration& value, Secrets) { return Node::String(FormatDuration(value)); },
       .magnitude = [](const Duration& value) { return std::optional<int64_t>(value.count()); },
       .magnitude_text = [](int64_t count) { return FormatDuration(Duration(count)); }});
}
CodecPtr BuiltinCodec(std::type_identity<std::string>) {
  return MakeScalar<std::string>(
      {.type_name = "string",
       .decode = DecodeString,
       .encode = [](const std::string& value, Secrets) { return Node::String(value); }});
}
CodecPtr BuiltinCodec(std::type_identity<Secret>) {
  return MakeScalar<Secret>(
      {.type_name = "secret", .decode = DecodeSecret, .encode = EncodeSecret});
}
CodecPtr BuiltinCodec(std::type_identity<HeaderMap>) {
  return MakeScalar<HeaderMap>(
      {.type_name = "map of secret", .decode = DecodeHeaders, .encode = EncodeHeaders});
}
CodecPtr BuiltinCodec(std::type_identity<ComponentId>) {
  return MakeScalar<ComponentId>(
      {.type_name = "ID", .decode = DecodeId, .encode = [](const ComponentId& id, Secrets) {
         return id.type.empty() ? Node::Null() : Node::String(id.ToString());
       }});
}
CodecPtr BuiltinCodec(std::type_identity<ByteSize>) {
  return MakeScalar<ByteSize>(
      {.type_name = "size",
       .decode = DecodeByteSize,
       .encode = [](const ByteSize& size, Secrets) { return Node::String(FormatByteSize(size)); },
       .magnitude = [](const ByteSize& size) { return std::optional(Clamped(size.bytes)); },
       .magnitude_text =
           [](int64_t bytes) { return FormatByteSize({static_cast<uint64_t>(bytes)}); }});
}
CodecPtr BuiltinCodec(std::type_identity<ByteRate>) {
  return MakeScalar<ByteRate>(
      {.type_name = "rate",
       .decode = DecodeByteRate,
       .encode = [](const ByteRate& rate, Secrets) { return Node::String(FormatByteRate(rate)); },
       .magnitude =
           [](const ByteRate& rate) { return std::optional(Clamped(rate.bytes_per_second)); },
       .magnitude_text =
           [](int64_t bytes) { return FormatByteRate({static_cast<uint64_t>(bytes)}); }});
}
CodecPtr BuiltinCodec(std::type_identity<Percent>) {
  return MakeScalar<Percent>(
      {.type_name = "percentage",
       .decode = DecodePercent,
       .encode = [](const Percent& value, Secrets) { return Node::String(FormatPercent(value)); }});
}
CodecPtr BuiltinCodec(std::type_identity<SizeOrPercent>) {
  return MakeScalar<SizeOrPercent>({.type_name = "size or percentage",
                                    .decode = DecodeSizeOrPercent,
                                    .encode = [](const SizeOrPercent& value, Secrets) {
                                      return Node::String(FormatSizeOrPercent(value));
                                    }});
}
CodecPtr BuiltinCodec(std::type_identity<Node>) {
  return MakeScalar<Node>({.type_name = "any",
                           .decode = [](const Node& node, Node& out, Context&) { out = node; },
                           .encode = EncodeNode});
}

CodecPtr MakeEnumCodec(EnumOps ops, std::vector<EnumName> names, EnumStyle style) {
  return std::make_shared<EnumCodec>(ops, std::move(names), style);
}

}  // namespace gapless::config
