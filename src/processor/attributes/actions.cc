#include "processor/attributes/actions.h"

#include "base/go_regex.h"
#include "otlp/any_value.h"
#include "wire/digest.h"
#include "wire/proto.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <re2/re2.h>

namespace gapless::processor::attributes {
namespace {

using otlp::AnyValue;
using otlp::AttributeList;
using otlp::ValueType;

constexpr std::string_view kClientAddress = "client.address";
constexpr std::string_view kAuthPrefix = "auth.";  // identities: there are none

enum class Verb : uint8_t { kInsert, kUpdate, kUpsert, kDelete, kHash, kExtract, kConvert };

std::optional<Verb> ParseVerb(std::string_view text) {
  constexpr std::pair<std::string_view, Verb> kVerbs[] = {
      {"insert", Verb::kInsert},   {"update", Verb::kUpdate}, {"upsert", Verb::kUpsert},
      {"delete", Verb::kDelete},   {"hash", Verb::kHash},     {"extract", Verb::kExtract},
      {"convert", Verb::kConvert},
  };
  const auto* it = std::ranges::find(kVerbs, text, &std::pair<std::string_view, Verb>::first);
  return it == std::end(kVerbs) ? std::nullopt : std::optional(it->second);
}

std::string Lower(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

std::unique_ptr<const re2::RE2> CompilePattern(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_unique<const re2::RE2>(ForRe2(pattern), options);
  return regex->ok() ? std::move(regex) : nullptr;
}

// Serialized bytes of one AnyValue per kind of node.
void WriteValue(const config::Node& node, wire::Writer& writer) {
  constexpr auto kNumber = [](ValueType type) { return static_cast<uint32_t>(type); };
  switch (node.kind()) {
    case config::Kind::kNull:
      return;
    case config::Kind::kBool:
      writer.Varint(kNumber(ValueType::kBool), node.bool_value() ? 1 : 0);
      return;
    case config::Kind::kInt:
      writer.Varint(kNumber(ValueType::kInt), static_cast<uint64_t>(node.int_value()));
      return;
    case config::Kind::kFloat:
      writer.Double(kNumber(ValueType::kDouble), node.float_value());
      return;
    case config::Kind::kString:
      writer.Bytes(kNumber(ValueType::kString), node.text());
      return;
    case config::Kind::kList: {
      const size_t list = writer.Begin(kNumber(ValueType::kArray));
      for (const config::Node& item : node.list()) {
        const size_t value = writer.Begin(1);
        WriteValue(item, writer);
        writer.End(value);
      }
      writer.End(list);
      return;
    }
    case config::Kind::kMap: {
      const size_t map = writer.Begin(kNumber(ValueType::kMap));
      for (const config::MapEntry& entry : node.map()) {
        const size_t pair = writer.Begin(1);
        writer.Bytes(1, entry.key);
        const size_t value = writer.Begin(2);
        WriteValue(entry.value, writer);
        writer.End(value);
        writer.End(pair);
      }
      writer.End(map);
      return;
    }
  }
}

// Upstream: the bytes of a scalar, little-endian; other values become an empty text.
std::string HashOf(const AnyValue& value) {
  std::string bytes;
  switch (value.type) {
    case ValueType::kString:
      bytes = value.text();
      break;
    case ValueType::kBool:
      bytes = std::string(1, value.as_bool() ? '\1' : '\0');
      break;
    case ValueType::kInt:
    case ValueType::kDouble:
      bytes.resize(sizeof value.bits);
      std::memcpy(bytes.data(), &value.bits, sizeof value.bits);
      break;
    default:
      break;
  }
  return bytes.empty() ? std::string() : wire::Sha256Hex(AsBytes(bytes));
}

// The whole text as a number; Go's parsers also take a plus sign.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) {
    text.remove_prefix(1);
  }
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

int64_t Truncated(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) {
    return 0;
  }
  if (value >= kLimit) {
    return std::numeric_limits<int64_t>::max();
  }
  return value <= -kLimit ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(value);
}

// The converted value; none: it stays as it is.
std::optional<std::string> ToInt(const AnyValue& value) {
  switch (value.type) {
    case ValueType::kDouble:
      return otlp::IntValue(Truncated(value.as_double()));
    case ValueType::kBool:
      return otlp::IntValue(value.as_bool() ? 1 : 0);
    case ValueType::kString:
      if (const auto number = ParseNumber<int64_t>(value.text())) {
        return otlp::IntValue(*number);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> ToDouble(const AnyValue& value) {
  switch (value.type) {
    case ValueType::kInt:
      return otlp::DoubleValue(static_cast<double>(value.as_int()));
    case ValueType::kBool:
      return otlp::DoubleValue(value.as_bool() ? 1 : 0);
    case ValueType::kString:
      if (const auto number = ParseNumber<double>(value.text())) {
        return otlp::DoubleValue(*number);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> ToText(const AnyValue& value) {
  return value.type == ValueType::kString ? std::nullopt
                                          : std::optional(otlp::StringValue(ValueText(value)));
}

using Conversion = std::optional<std::string> (*)(const AnyValue&);

Conversion ParseConversion(std::string_view type) {
  return type == "int" ? ToInt : type == "double" ? ToDouble : type == "string" ? ToText : nullptr;
}

}  // namespace

std::string EncodeValue(const config::Node& value) {
  std::string message;
  wire::Writer writer(&message);
  WriteValue(value, writer);
  return message;
}

struct Actions::Action {
  Verb verb = Verb::kInsert;
  std::string key;
  // insert, update, upsert: where the value comes from; at most one of value, from_attribute and
  // from_context.
  std::optional<std::string> value;          // serialized AnyValue
  std::optional<std::string> default_value;  // where that gives none
  std::string from_attribute;
  std::string from_context;
  // extract; and for delete and hash, what keys match; null: none.
  std::unique_ptr<const re2::RE2> pattern;
  std::vector<std::string> groups;  // extract: names, in order
  Conversion convert = nullptr;

  bool Matches(std::string_view name) const {
    return (!key.empty() && name == key) ||
           (pattern && re2::RE2::PartialMatch({name.data(), name.size()}, *pattern));
  }
  void Extract(AttributeList& attributes) const;
  void Put(const std::optional<std::string>& context, AttributeList& attributes) const;
  void ForMatching(AttributeList& attributes) const;
};

void Actions::Action::Extract(AttributeList& attributes) const {
  const auto found = attributes.Find(key);
  const AnyValue source = found ? otlp::ReadValue(*found) : AnyValue();
  if (source.type != ValueType::kString) {
    return;
  }
  const re2::StringPiece text(source.text().data(), source.text().size());
  std::vector<re2::StringPiece> parts(groups.size() + 1);
  if (!pattern->Match(text, 0, text.size(), re2::RE2::UNANCHORED, parts.data(),
                      static_cast<int>(parts.size()))) {
    return;
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const re2::StringPiece& part = parts[i + 1];
    attributes.Set(groups[i], attributes.Store(otlp::StringValue({part.data(), part.size()})));
  }
}

void Actions::Action::Put(const std::optional<std::string>& context,
                          AttributeList& attributes) const {
  std::optional<ByteSpan> source;
  if (value) {
    source = AsBytes(*value);
  } else if (!from_context.empty()) {
    source = context ? std::optional(AsBytes(*context)) : std::nullopt;
  } else if (!from_attribute.empty()) {
    source = attributes.Find(from_attribute);
  }
  if (!source && default_value) {
    source = AsBytes(*default_value);
  }
  if (!source) {
    return;
  }
  const bool there = verb != Verb::kUpsert && attributes.Find(key).has_value();
  if (verb == Verb::kUpsert || there == (verb == Verb::kUpdate)) {
    attributes.Set(key, *source);
  }
}

// Delete and hash: every attribute of that key or whose key the pattern finds.
void Actions::Action::ForMatching(AttributeList& attributes) const {
  for (size_t i = 0; i < attributes.size(); ++i) {
    if (!attributes.present(i) || !Matches(attributes.key(i))) {
      continue;
    }
    if (verb == Verb::kDelete) {
      attributes.RemoveAt(i);
    } else {
      const std::string hash = HashOf(otlp::ReadValue(attributes.value(i)));
      attributes.SetAt(i, attributes.Store(otlp::StringValue(hash)));
    }
  }
}

namespace {

Status CheckKey(const ActionConfig& config, Verb verb, size_t index) {
  if (!config.key.empty()) {
    return OkStatus();
  }
  if (verb != Verb::kDelete && verb != Verb::kHash) {
    return InvalidArgument(fmt::format(
        "error creating AttrProc due to missing required field \"key\" at the {}-th actions",
        index));
  }
  return config.pattern.empty()
             ? InvalidArgument(fmt::format(
                   "error creating AttrProc due to missing required field (at least one of "
                   "\"key\" and \"pattern\" have to be used) at the {}-th actions",
                   index))
             : OkStatus();
}

size_t SourcesOf(const ActionConfig& config) {
  return size_t{!config.value.is_null()} + size_t{!config.from_attribute.empty()} +
         size_t{!config.from_context.empty()};
}

// Fields that an action does not use.
Status CheckUnused(const ActionConfig& config, Verb verb, std::string_view name, size_t index) {
  const bool puts = verb == Verb::kInsert || verb == Verb::kUpdate || verb == Verb::kUpsert;
  const auto unused = [&](std::string_view fields, std::string_view these) {
    return InvalidArgument(
        fmt::format("error creating AttrProc. Action \"{}\" does not use {}. {} must not be "
                    "specified for {}-th action",
                    name, fields, these, index));
  };
  if (verb == Verb::kConvert) {
    return SourcesOf(config) > 0 || !config.pattern.empty()
               ? unused("value sources or \"pattern\" field", "These")
               : OkStatus();
  }
  if (puts && !config.pattern.empty()) {
    return unused("the \"pattern\" field", "This");
  }
  if (verb == Verb::kExtract && SourcesOf(config) > 0) {
    return unused("a value source field", "These");
  }
  if ((verb == Verb::kDelete || verb == Verb::kHash) &&
      (!config.value.is_null() || !config.from_attribute.empty())) {
    return unused("\"value\" or \"from_attribute\" field", "These");
  }
  return config.converted_type.empty() ? OkStatus()
                                       : unused("the \"converted_type\" field", "This");
}

Status CheckSources(const ActionConfig& config, size_t index) {
  const size_t sources = SourcesOf(config);
  if (sources == 0 && config.default_value.is_null()) {
    return InvalidArgument(fmt::format(
        "error creating AttrProc. Either field \"value\", \"from_attribute\" or \"from_context\" "
        "setting must be specified for {}-th action",
        index));
  }
  return sources <= 1
             ? OkStatus()
             : InvalidArgument(fmt::format("error creating AttrProc due to multiple value sources "
                                           "being set at the {}-th actions",
                                           index));
}

// The names of all groups in order; each must have one.
Result<std::vector<std::string>> GroupsOf(const re2::RE2& pattern, size_t index) {
  const int count = pattern.NumberOfCapturingGroups();
  if (count == 0) {
    return InvalidArgument(fmt::format(
        "error creating AttrProc. Field \"pattern\" contains no named matcher groups at the {}-th "
        "actions",
        index));
  }
  std::vector<std::string> groups;
  const auto& names = pattern.CapturingGroupNames();
  for (int i = 1; i <= count; ++i) {
    const auto name = names.find(i);
    if (name == names.end()) {
      return InvalidArgument(fmt::format(
          "error creating AttrProc. Field \"pattern\" contains at least one unnamed matcher group "
          "at the {}-th actions",
          index));
    }
    groups.push_back(name->second);
  }
  return groups;
}

Status SetConversion(const ActionConfig& config, size_t index, Conversion& conversion) {
  if (config.converted_type.empty()) {
    return InvalidArgument(
        fmt::format("error creating AttrProc due to missing required field \"converted_type\" for "
                    "action \"convert\" at the {}-th action",
                    index));
  }
  conversion = ParseConversion(config.converted_type);
  return conversion != nullptr
             ? OkStatus()
             : InvalidArgument(
                   fmt::format("error creating AttrProc due to invalid value \"{}\" in field "
                               "\"converted_type\" for action \"convert\" at the {}-th action "
                               "(expected int, double or string)",
                               config.converted_type, index));
}

}  // namespace

Actions::Actions() = default;
Actions::Actions(Actions&&) noexcept = default;
Actions::~Actions() = default;

Result<Actions> Actions::Compile(const std::vector<ActionConfig>& configs) {
  Actions actions;
  for (size_t i = 0; i < configs.size(); ++i) {
    const ActionConfig& config = configs[i];
    const std::string name = Lower(config.action);
    const std::optional<Verb> verb = ParseVerb(name);
    if (!verb) {
      return InvalidArgument(
          fmt::format("error creating AttrProc due to unsupported action \"{}\" at the {}-th "
                      "actions (expected insert, update, upsert, delete, hash, extract or convert)",
                      name, i));
    }
    RETURN_IF_ERROR(CheckKey(config, *verb, i));
    const bool puts = *verb <= Verb::kUpsert;
    if (puts) {
      RETURN_IF_ERROR(CheckSources(config, i));
    }
    RETURN_IF_ERROR(CheckUnused(config, *verb, name, i));
    Action& action = actions.actions_.emplace_back();
    action.verb = *verb;
    action.key = config.key;
    action.from_attribute = config.from_attribute;
    action.from_context = config.from_context;
    if (!config.value.is_null()) {
      action.value = EncodeValue(config.value);
    }
    if (puts && !config.default_value.is_null()) {
      action.default_value = EncodeValue(config.default_value);
    }
    if (*verb == Verb::kExtract && config.pattern.empty()) {
      return InvalidArgument(
          fmt::format("error creating AttrProc due to missing required field \"pattern\" for "
                      "action \"extract\" at the {}-th action",
                      i));
    }
    if (!config.pattern.empty() && !(action.pattern = CompilePattern(config.pattern))) {
      return InvalidArgument(fmt::format(
          "error creating AttrProc. Field \"pattern\" has invalid pattern: \"{}\" to be set at the "
          "{}-th actions",
          config.pattern, i));
    }
    if (*verb == Verb::kExtract) {
      ASSIGN_OR_RETURN(action.groups, GroupsOf(*action.pattern, i));
    }
    if (*verb == Verb::kConvert) {
      RETURN_IF_ERROR(SetConversion(config, i, action.convert));
    }
  }
  return actions;
}

bool Actions::wants_client_address() const {
  return std::ranges::any_of(
      actions_, [](const Action& action) { return action.from_context == kClientAddress; });
}

Actions::Context Actions::ContextOf(const otlp::Batch& batch) const {
  constexpr std::string_view kPrefix = "metadata.";
  Context context(actions_.size());
  for (size_t i = 0; i < actions_.size(); ++i) {
    std::string_view name = actions_[i].from_context;
    if (name == kClientAddress && batch.context && !batch.context->client_address.empty()) {
      context[i] = otlp::StringValue(batch.context->client_address);
      continue;
    }
    name = name == kClientAddress ? otlp::kClientAddressKey : name;
    if (name.empty() || name.starts_with(kAuthPrefix) || !batch.metadata) {
      continue;
    }
    name.remove_prefix(name.starts_with(kPrefix) ? kPrefix.size() : 0);
    const std::string wanted = Lower(std::string(name));
    std::string joined;
    bool found = false;
    for (const auto& [key, value] : *batch.metadata) {
      if (key == wanted) {
        joined += (found ? ";" : "") + value;
        found = true;
      }
    }
    if (found) {
      context[i] = otlp::StringValue(joined);
    }
  }
  return context;
}

void Actions::Apply(const Context& context, AttributeList& attributes) const {
  for (size_t i = 0; i < actions_.size(); ++i) {
    const Action& action = actions_[i];
    switch (action.verb) {
      case Verb::kInsert:
      case Verb::kUpdate:
      case Verb::kUpsert:
        action.Put(context[i], attributes);
        break;
      case Verb::kDelete:
      case Verb::kHash:
        action.ForMatching(attributes);
        break;
      case Verb::kExtract:
        action.Extract(attributes);
        break;
      case Verb::kConvert: {
        const auto found = attributes.Find(action.key);
        auto converted = found ? action.convert(otlp::ReadValue(*found)) : std::nullopt;
        if (converted) {
          attributes.Set(action.key, attributes.Store(*std::move(converted)));
        }
        break;
      }
    }
  }
}

}  // namespace gapless::processor::attributes
