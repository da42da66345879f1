#include "processor/attributes/match.h"

#include "base/go_regex.h"
#include "otlp/any_value.h"
#include "processor/attributes/actions.h"
#include "wire/proto.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

namespace gapless::processor::attributes {
namespace {

using otlp::AnyValue;
using otlp::AttributesPlace;
using otlp::Message;
using otlp::Signal;
using otlp::ValueType;

constexpr std::string_view kNoService = "<nil-service-name>";

uint32_t NumberOf(Message message, std::string_view name) {
  for (const otlp::FieldDef& field : otlp::Fields(message)) {
    if (field.json == name) {
      return field.number;
    }
  }
  return 0;
}

struct Numbers {
  uint32_t span_name = NumberOf(Message::kSpan, "name");
  uint32_t span_kind = NumberOf(Message::kSpan, "kind");
  uint32_t log_body = NumberOf(Message::kLogRecord, "body");
  uint32_t severity_text = NumberOf(Message::kLogRecord, "severityText");
  uint32_t severity = NumberOf(Message::kLogRecord, "severityNumber");
  uint32_t metric_name = NumberOf(Message::kMetric, "name");
  uint32_t scope_name = NumberOf(Message::kScope, "name");
  uint32_t scope_version = NumberOf(Message::kScope, "version");
  uint32_t resource_attributes = NumberOf(Message::kResource, "attributes");
};

const Numbers& Number() {
  static const Numbers numbers;
  return numbers;
}

// The last occurrence of a field; one without content if there is none.
wire::Field FieldOf(ByteSpan message, uint32_t number) {
  wire::Field last;
  wire::FieldReader reader(message);
  for (wire::Field field; reader.Next(&field);) {
    if (field.number == number) {
      last = field;
    }
  }
  return last;
}

// The value of a resource attribute; the first one counts.
std::optional<ByteSpan> ResourceAttribute(ByteSpan resource, std::string_view key) {
  wire::FieldReader reader(resource);
  for (wire::Field field; reader.Next(&field);) {
    if (field.is(Number().resource_attributes, wire::WireType::kBytes)) {
      const otlp::KeyValue pair = otlp::ReadKeyValue(field.bytes);
      if (pair.key == key) {
        return pair.value;
      }
    }
  }
  return std::nullopt;
}

std::string_view SpanKindName(uint64_t kind) {
  for (const otlp::EnumValue& value : otlp::EnumValues(otlp::Enum::kSpanKind)) {
    if (static_cast<uint64_t>(value.number) == kind) {
      return value.name;
    }
  }
  return {};
}

std::string PlainDouble(double value) {
  std::array<char, 400> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
          .ptr;
  return {buffer.data(), end};
}

// What patterns are compared with: scalars only.
std::optional<std::string> ScalarText(const AnyValue& value) {
  switch (value.type) {
    case ValueType::kString:
    case ValueType::kBool:
    case ValueType::kInt:
      return ValueText(value);
    case ValueType::kDouble:
      return PlainDouble(value.as_double());
    default:
      return std::nullopt;
  }
}

bool SameValue(const AnyValue& a, const AnyValue& b) {
  if (a.type != b.type) {
    return false;
  }
  switch (a.type) {
    case ValueType::kString:
      return a.text() == b.text();
    case ValueType::kBool:
      return a.as_bool() == b.as_bool();
    case ValueType::kInt:
      return a.as_int() == b.as_int();
    case ValueType::kDouble:
      return a.as_double() == b.as_double();
    default:
      return ValueText(a) == ValueText(b);
  }
}

// A key that must be there, with a value or a pattern for it.
struct AttributeTest {
  std::string key;
  std::string value;  // serialized AnyValue
  bool any_value = false;
  TextSet pattern;

  bool Matches(const std::optional<ByteSpan>& found) const {
    if (!found || any_value) {
      return found.has_value();
    }
    const AnyValue present = otlp::ReadValue(*found);
    if (pattern.empty()) {
      return SameValue(present, otlp::ReadValue(AsBytes(value)));
    }
    const auto text = ScalarText(present);
    return text && pattern.Matches(*text);
  }
};

Result<std::vector<AttributeTest>> CompileTests(const std::vector<AttributeMatch>& matches,
                                                bool regexp) {
  std::vector<AttributeTest> tests;
  for (const AttributeMatch& match : matches) {
    if (match.key.empty()) {
      return InvalidArgument(
          "error creating attribute filters: can't have empty key in the list of attributes");
    }
    AttributeTest& test = tests.emplace_back();
    test.key = match.key;
    test.any_value = match.value.is_null();
    if (test.any_value) {
      continue;
    }
    test.value = EncodeValue(match.value);
    if (!regexp) {
      continue;
    }
    const AnyValue value = otlp::ReadValue(AsBytes(test.value));
    if (value.type != ValueType::kString) {
      return InvalidArgument(
          fmt::format("error creating attribute filters: match_type=regexp for \"{}\" only "
                      "supports Str, but found {}",
                      match.key, ToString(value.type)));
    }
    ASSIGN_OR_RETURN(test.pattern, TextSet::Compile({std::string(value.text())}, true));
  }
  return tests;
}

struct Library {
  TextSet name;
  std::optional<TextSet> version;
};

Status CheckForSpans(const MatchConfig& config) {
  if (!config.log_bodies.empty()) {
    return InvalidArgument("log_bodies should not be specified for trace spans");
  }
  if (!config.log_severity_texts.empty()) {
    return InvalidArgument("log_severity_texts should not be specified for trace spans");
  }
  if (config.log_severity_number) {
    return InvalidArgument("log_severity_number should not be specified for trace spans");
  }
  if (config.services.empty() && config.span_names.empty() && config.attributes.empty() &&
      config.libraries.empty() && config.resources.empty() && config.span_kinds.empty()) {
    return InvalidArgument(
        "at least one of \"attributes\", \"libraries\",  or \"resources\" field must be specified");
  }
  return OkStatus();
}

Status CheckForLogs(const MatchConfig& config) {
  if (!config.span_names.empty() || !config.services.empty() || !config.span_kinds.empty()) {
    return InvalidArgument("services, span_names, and span_kinds are not valid for log records");
  }
  if (config.attributes.empty() && config.libraries.empty() && config.resources.empty() &&
      config.log_bodies.empty() && config.log_severity_texts.empty() &&
      !config.log_severity_number) {
    return InvalidArgument(
        "at least one of \"attributes\", \"libraries\", \"span_kinds\", \"resources\", "
        "\"log_bodies\", \"log_severity_texts\" or \"log_severity_number\" field must be "
        "specified");
  }
  return OkStatus();
}

Status CheckSpanKinds(const MatchConfig& config) {
  for (const std::string& kind : config.span_kinds) {
    const auto kinds = otlp::EnumValues(otlp::Enum::kSpanKind).subspan(1);
    if (config.match_type == "strict" &&
        std::ranges::find(kinds, kind, &otlp::EnumValue::name) == kinds.end()) {
      return InvalidArgument(
          "span_kinds string must match one of the standard span kinds when match_type=strict: "
          "[SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER "
          "SPAN_KIND_SERVER]");
    }
  }
  return OkStatus();
}

}  // namespace

struct TextSet::Patterns {
  std::vector<std::unique_ptr<const re2::RE2>> list;
};

TextSet::TextSet() = default;
TextSet::TextSet(TextSet&&) noexcept = default;
TextSet& TextSet::operator=(TextSet&&) noexcept = default;
TextSet::~TextSet() = default;

Result<TextSet> TextSet::Compile(const std::vector<std::string>& texts, bool regexp) {
  TextSet set;
  set.texts_ = texts;
  if (!regexp) {
    return set;
  }
  auto patterns = std::make_unique<Patterns>();
  re2::RE2::Options options;
  options.set_log_errors(false);
  for (const std::string& text : texts) {
    patterns->list.push_back(std::make_unique<const re2::RE2>(ForRe2(text), options));
    if (!patterns->list.back()->ok()) {
      return InvalidArgument(
          fmt::format("error parsing regexp: {}: `{}`", patterns->list.back()->error(), text));
    }
  }
  set.patterns_ = std::move(patterns);
  return set;
}

bool TextSet::Matches(std::string_view text) const {
  if (!patterns_) {
    return std::ranges::find(texts_, text) != texts_.end();
  }
  return std::ranges::any_of(patterns_->list, [&](const auto& pattern) {
    return re2::RE2::PartialMatch({text.data(), text.size()}, *pattern);
  });
}

struct Matcher::Properties {
  TextSet services;
  TextSet span_names;
  TextSet span_kinds;
  TextSet log_bodies;
  TextSet log_severity_texts;
  std::optional<SeverityMatch> severity;
  TextSet metric_names;
  std::vector<AttributeTest> attributes;
  std::vector<AttributeTest> resources;
  std::vector<Library> libraries;

  static Result<std::unique_ptr<Properties>> Compile(const MatchConfig& config);
  void Reduce(Signal signal);
  bool Empty() const;
  bool MatchesSpan(ByteSpan span) const;
  bool MatchesLog(ByteSpan record) const;
};

Result<std::unique_ptr<Matcher::Properties>> Matcher::Properties::Compile(
    const MatchConfig& config) {
  const bool regexp = config.match_type == "regexp";
  auto made = std::make_unique<Properties>();
  const std::tuple<const std::vector<std::string>&, TextSet&, std::string_view> sets[] = {
      {config.services, made->services, "service name"},
      {config.span_names, made->span_names, "span name"},
      {config.span_kinds, made->span_kinds, "span kind"},
      {config.log_bodies, made->log_bodies, "log record body"},
      {config.log_severity_texts, made->log_severity_texts, "log record severity text"},
      {config.metric_names, made->metric_names, "metric name"},
  };
  for (const auto& [texts, set, what] : sets) {
    auto compiled = TextSet::Compile(texts, regexp);
    if (!compiled.ok()) {
      return compiled.status().Annotate(fmt::format("error creating {} filters", what));
    }
    set = *std::move(compiled);
  }
  made->severity = config.log_severity_number;
  ASSIGN_OR_RETURN(made->attributes, CompileTests(config.attributes, regexp));
  ASSIGN_OR_RETURN(made->resources, CompileTests(config.resources, regexp));
  for (const LibraryMatch& library : config.libraries) {
    Library& compiled = made->libraries.emplace_back();
    ASSIGN_OR_RETURN(compiled.name, TextSet::Compile({library.name}, regexp));
    if (library.version) {
      ASSIGN_OR_RETURN(compiled.version, TextSet::Compile({*library.version}, regexp));
    }
  }
  return made;
}

// Properties that the items of a signal do not have do not count.
void Matcher::Properties::Reduce(Signal signal) {
  if (signal != Signal::kTraces) {
    span_names = TextSet();
    span_kinds = TextSet();
  }
  if (signal != Signal::kLogs) {
    log_bodies = TextSet();
    log_severity_texts = TextSet();
    severity.reset();
  }
  if (signal != Signal::kMetrics) {
    metric_names = TextSet();
  }
}

bool Matcher::Properties::Empty() const {
  return services.empty() && span_names.empty() && span_kinds.empty() && log_bodies.empty() &&
         log_severity_texts.empty() && !severity && metric_names.empty() && attributes.empty() &&
         resources.empty() && libraries.empty();
}

bool Matcher::Properties::MatchesSpan(ByteSpan span) const {
  if (!span_names.empty() && !span_names.Matches(FieldOf(span, Number().span_name).text())) {
    return false;
  }
  return span_kinds.empty() ||
         span_kinds.Matches(SpanKindName(FieldOf(span, Number().span_kind).value));
}

bool Matcher::Properties::MatchesLog(ByteSpan record) const {
  if (!log_bodies.empty() &&
      !log_bodies.Matches(otlp::ValueText(FieldOf(record, Number().log_body).bytes))) {
    return false;
  }
  if (!log_severity_texts.empty() &&
      !log_severity_texts.Matches(FieldOf(record, Number().severity_text).text())) {
    return false;
  }
  if (!severity) {
    return true;
  }
  const auto number = static_cast<int32_t>(FieldOf(record, Number().severity).value);
  return number == 0 ? severity->match_undefined : number >= severity->min;
}

Status CheckPatterns(const MatchConfig& config) {
  if (config.match_type != "strict" && config.match_type != "regexp") {
    return InvalidArgument(fmt::format(
        "unrecognized match_type: '{}', valid types are: [regexp strict]", config.match_type));
  }
  // Without regard to the signal: for metrics everything is allowed.
  return Matcher::Compile(config, Signal::kMetrics).status();
}

Matcher::Matcher(std::unique_ptr<const Properties> properties)
    : properties_(std::move(properties)) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

Result<std::optional<Matcher>> Matcher::Compile(const MatchConfig& config, Signal signal) {
  if (signal == Signal::kTraces) {
    RETURN_IF_ERROR(CheckForSpans(config));
    RETURN_IF_ERROR(CheckSpanKinds(config));
  }
  if (signal == Signal::kLogs) {
    RETURN_IF_ERROR(CheckForLogs(config));
  }
  ASSIGN_OR_RETURN(auto properties, Properties::Compile(config));
  properties->Reduce(signal);
  if (properties->Empty()) {
    return std::optional<Matcher>();
  }
  return std::optional(Matcher(std::move(properties)));
}

bool Matcher::MatchesGroup(const AttributesPlace& place) const {
  const Properties& wanted = *properties_;
  if (!wanted.services.empty()) {
    const auto service = ResourceAttribute(place.resource, "service.name");
    if (!wanted.services.Matches(service ? otlp::ValueText(*service) : std::string(kNoService))) {
      return false;
    }
  }
  const bool resources = std::ranges::all_of(wanted.resources, [&](const AttributeTest& test) {
    return test.Matches(ResourceAttribute(place.resource, test.key));
  });
  if (!resources || wanted.libraries.empty()) {
    return resources;
  }
  const std::string_view name = FieldOf(place.scope, Number().scope_name).text();
  const std::string_view version = FieldOf(place.scope, Number().scope_version).text();
  return std::ranges::any_of(wanted.libraries, [&](const Library& library) {
    return library.name.Matches(name) && (!library.version || library.version->Matches(version));
  });
}

bool Matcher::MatchesItem(const AttributesPlace& place,
                          const otlp::AttributeList& attributes) const {
  const Properties& wanted = *properties_;
  if (place.item_type == Message::kSpan && !wanted.MatchesSpan(place.item)) {
    return false;
  }
  if (place.item_type == Message::kLogRecord && !wanted.MatchesLog(place.item)) {
    return false;
  }
  if (!wanted.metric_names.empty() &&
      !wanted.metric_names.Matches(FieldOf(place.metric, Number().metric_name).text())) {
    return false;
  }
  return std::ranges::all_of(wanted.attributes, [&](const AttributeTest& test) {
    return test.Matches(attributes.Find(test.key));
  });
}

}  // namespace gapless::processor::attributes
