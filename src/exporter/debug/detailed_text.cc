#include "exporter/debug/detailed_text.h"

#include "exporter/debug/fields.h"
#include "exporter/debug/text.h"
#include "exporter/debug/value.h"
#include "fmt/format.h"

#include <array>
#include <iterator>

namespace gapless::exporter::debug {
namespace {

template <typename... Args>
void Line(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
  *out += '\n';
}

template <size_t N>
std::string_view NameOf(const std::array<std::string_view, N>& names, uint64_t value) {
  return value < N ? names[value] : "";
}

void AppendAttribute(std::string* out, std::string_view name, std::string_view value) {
  Line(out, "    {:<15}: {}", name, value);
}

void AppendEvents(std::string* out, const Record& span) {
  const auto events = span.Children(11);
  if (!events.empty()) {
    Line(out, "Events:");
  }
  for (size_t i = 0; i < events.size(); ++i) {
    Line(out, "SpanEvent #{}", i);
    Line(out, "     -> Name: {}", events[i].Text(2));
    Line(out, "     -> Timestamp: {}", TimeText(events[i].Number(1)));
    Line(out, "     -> DroppedAttributesCount: {}", events[i].Number(4));
    AppendAttributes(out, "     -> Attributes:", events[i], 3, "     ");
  }
}

void AppendLinks(std::string* out, const Record& span) {
  const auto links = span.Children(13);
  if (!links.empty()) {
    Line(out, "Links:");
  }
  for (size_t i = 0; i < links.size(); ++i) {
    Line(out, "SpanLink #{}", i);
    Line(out, "     -> Trace ID: {}", links[i].Hex(1));
    Line(out, "     -> ID: {}", links[i].Hex(2));
    Line(out, "     -> TraceState: {}", links[i].Text(3));
    Line(out, "     -> DroppedAttributesCount: {}", links[i].Number(5));
    AppendAttributes(out, "     -> Attributes:", links[i], 4, "     ");
  }
}

void AppendEntityRefs(std::string* out, const Record& resource) {
  const auto refs = resource.Children(field::kEntityRefs);
  if (!refs.empty()) {
    Line(out, "Resource entity refs:");
  }
  for (size_t i = 0; i < refs.size(); ++i) {
    Line(out, "     -> Entity ref #{}:", i);
    Line(out, "          -> Type: {}", refs[i].Text(2));
    if (const auto url = refs[i].Text(1); !url.empty()) {
      Line(out, "          -> Schema URL: {}", url);
    }
    constexpr std::pair<std::string_view, uint32_t> kLists[] = {{"ID keys", 3},
                                                                {"Description keys", 4}};
    for (const auto& [title, number] : kLists) {
      const auto keys = refs[i].Texts(number);
      if (!keys.empty()) {
        Line(out, "          -> {}:", title);
      }
      for (const std::string_view key : keys) {
        Line(out, "               -> {}", key);
      }
    }
  }
}

std::string SeverityName(uint64_t number) {
  constexpr std::array<std::string_view, 6> kNames = {"Trace", "Debug", "Info",
                                                      "Warn",  "Error", "Fatal"};
  constexpr uint64_t kPerName = 4;
  if (number == 0) {
    return "Unspecified";
  }
  if (number > kNames.size() * kPerName) {
    return "";
  }
  const uint64_t step = (number - 1) % kPerName;
  const std::string name(kNames[(number - 1) / kPerName]);
  return step == 0 ? name : fmt::format("{}{}", name, step + 1);
}

struct SignalText {
  std::string_view resource;
  std::string_view scope;
  std::string_view item;
  void (*append)(std::string* out, const Record& item);
};

SignalText TextOf(otlp::Signal signal) {
  switch (signal) {
    case otlp::Signal::kTraces:
      return {"ResourceSpans", "ScopeSpans", "Span", AppendSpanDetails};
    case otlp::Signal::kMetrics:
      return {"ResourceMetrics", "ScopeMetrics", "Metric", AppendMetricDetails};
    case otlp::Signal::kLogs:
      return {"ResourceLog", "ScopeLogs", "LogRecord", AppendLogDetails};
  }
  return {};
}

void AppendScope(std::string* out, const SignalText& text, const Record& record) {
  Line(out, "{} SchemaURL: {}", text.scope, record.Text(field::kSchemaUrl));
  const Record scope = record.Child(field::kScope);
  Line(out, "InstrumentationScope {} {}", scope.Text(field::kScopeName),
       scope.Text(field::kScopeVersion));
  AppendAttributes(out, "InstrumentationScope attributes", scope, field::kScopeAttributes);
  const auto items = record.Children(field::kItems);
  for (size_t i = 0; i < items.size(); ++i) {
    Line(out, "{} #{}", text.item, i);
    text.append(out, items[i]);
  }
}

}  // namespace

void AppendAttributes(std::string* out, std::string_view header, const Record& record,
                      uint32_t number, std::string_view indent) {
  const auto attributes = AttributesOf(record, number);
  if (!attributes.empty()) {
    Line(out, "{}:", header);
  }
  for (const auto& [key, value] : attributes) {
    Line(out, "{}     -> {}: {}", indent, key, TypedValueText(value));
  }
}

void AppendSpanDetails(std::string* out, const Record& span) {
  constexpr std::array<std::string_view, 6> kKinds = {"Unspecified", "Internal", "Server",
                                                      "Client",      "Producer", "Consumer"};
  constexpr std::array<std::string_view, 3> kCodes = {"Unset", "Ok", "Error"};
  AppendAttribute(out, "Trace ID", span.Hex(1));
  AppendAttribute(out, "Parent ID", span.Hex(4));
  AppendAttribute(out, "ID", span.Hex(2));
  AppendAttribute(out, "Name", span.Text(5));
  AppendAttribute(out, "Kind", NameOf(kKinds, span.Number(6)));
  if (const auto state = span.Text(3); !state.empty()) {
    AppendAttribute(out, "TraceState", state);
  }
  AppendAttribute(out, "Start time", TimeText(span.Number(7)));
  AppendAttribute(out, "End time", TimeText(span.Number(8)));
  const Record status = span.Child(15);
  AppendAttribute(out, "Status code", NameOf(kCodes, status.Number(3)));
  AppendAttribute(out, "Status message", status.Text(2));
  AppendAttribute(out, "DroppedAttributesCount", fmt::format("{}", span.Number(10)));
  AppendAttribute(out, "DroppedEventsCount", fmt::format("{}", span.Number(12)));
  AppendAttribute(out, "DroppedLinksCount", fmt::format("{}", span.Number(14)));
  AppendAttributes(out, "Attributes", span, 9);
  AppendEvents(out, span);
  AppendLinks(out, span);
}

void AppendLogDetails(std::string* out, const Record& log) {
  Line(out, "ObservedTimestamp: {}", TimeText(log.Number(11)));
  Line(out, "Timestamp: {}", TimeText(log.Number(1)));
  Line(out, "SeverityText: {}", log.Text(3));
  Line(out, "SeverityNumber: {}({})", SeverityName(log.Number(2)), log.Number(2));
  if (const auto event = log.Text(12); !event.empty()) {
    Line(out, "EventName: {}", event);
  }
  Line(out, "Body: {}", TypedValueText(log.Child(5)));
  AppendAttributes(out, "Attributes", log, 6);
  Line(out, "Trace ID: {}", log.Hex(9));
  Line(out, "Span ID: {}", log.Hex(10));
  Line(out, "Flags: {}", log.Number(8));
}

std::string DetailedText(otlp::Signal signal, ByteSpan request) {
  const SignalText text = TextOf(signal);
  std::string out;
  const auto resources = Record(request).Children(field::kResources);
  for (size_t i = 0; i < resources.size(); ++i) {
    Line(&out, "{} #{}", text.resource, i);
    Line(&out, "Resource SchemaURL: {}", resources[i].Text(field::kSchemaUrl));
    const Record resource = resources[i].Child(field::kResource);
    AppendAttributes(&out, "Resource attributes", resource, field::kResourceAttributes);
    AppendEntityRefs(&out, resource);
    const auto scopes = resources[i].Children(field::kScopes);
    for (size_t j = 0; j < scopes.size(); ++j) {
      Line(&out, "{} #{}", text.scope, j);
      AppendScope(&out, text, scopes[j]);
    }
  }
  return out;
}

}  // namespace gapless::exporter::debug
