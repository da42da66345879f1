#include "exporter/debug/fields.h"
#include "exporter/debug/record.h"
#include "exporter/debug/text.h"
#include "exporter/debug/value.h"
#include "fmt/format.h"

#include <iterator>

namespace gapless::exporter::debug {
namespace {

// "key=value" for each attribute.
std::string Attributes(const Record& record, uint32_t number, std::string_view separator) {
  std::string text;
  for (const auto& [key, value] : AttributesOf(record, number)) {
    text += fmt::format("{}{}={}", text.empty() ? "" : separator, key, ValueText(value));
  }
  return text;
}

std::string SpacedAttributes(const Record& record, uint32_t number) {
  const std::string text = Attributes(record, number, " ");
  return text.empty() ? text : " " + text;
}

std::string SchemaUrl(const Record& record) {
  const std::string_view url = record.Text(field::kSchemaUrl);
  return url.empty() ? std::string() : fmt::format(" [{}]", url);
}

std::string ScopeLine(const Record& record) {
  const Record scope = record.Child(field::kScope);
  std::string text;
  if (const auto name = scope.Text(field::kScopeName); !name.empty()) {
    text += fmt::format(" {}", name);
  }
  if (const auto version = scope.Text(field::kScopeVersion); !version.empty()) {
    text += fmt::format("@{}", version);
  }
  return text + SchemaUrl(record) + SpacedAttributes(scope, field::kScopeAttributes);
}

void AppendSpan(std::string* out, const Record& span) {
  fmt::format_to(std::back_inserter(*out), "{} {} {}{}\n", span.Text(5), span.Hex(1), span.Hex(2),
                 SpacedAttributes(span, 9));
}

void AppendLogRecord(std::string* out, const Record& log) {
  fmt::format_to(std::back_inserter(*out), "{} {}\n", ValueText(log.Child(5)),
                 Attributes(log, 6, " "));
}

std::string NumberPoint(const Record& point) {
  if (const auto value = point.Double(field::kNumberDouble)) {
    return ShortDouble(*value);
  }
  const auto value = point.Find(field::kNumberInt);
  return value ? fmt::format("{}", value->as_int64()) : "";
}

// count, sum, min and max, as far as they are there.
std::string Statistics(const Record& point, uint32_t min, uint32_t max) {
  std::string text = fmt::format("count={}", point.Number(field::kPointCount));
  const std::pair<std::string_view, uint32_t> kOptional[] = {
      {"sum", field::kPointSum}, {"min", min}, {"max", max}};
  for (const auto& [name, number] : kOptional) {
    if (const auto value = point.Double(number)) {
      text += fmt::format(" {}={}", name, ShortDouble(*value));
    }
  }
  return text;
}

std::string HistogramPoint(const Record& point) {
  std::string text = Statistics(point, field::kHistogramMin, field::kHistogramMax);
  const auto bounds = point.Doubles(field::kHistogramBounds);
  const auto counts = point.Fixed64s(field::kHistogramBuckets);
  for (size_t i = 0; i < counts.size(); ++i) {
    text += i < bounds.size() ? fmt::format(" le{}={}", ShortDouble(bounds[i]), counts[i])
                              : fmt::format(" {}", counts[i]);
  }
  return text;
}

std::string ExponentialPoint(const Record& point) {
  return Statistics(point, field::kExponentialMin, field::kExponentialMax);
}

std::string SummaryPoint(const Record& point) {
  std::string text = fmt::format("count={} sum={}", point.Number(field::kPointCount),
                                 FixedDouble(point.Double(field::kPointSum).value_or(0)));
  for (const Record& quantile : point.Children(field::kSummaryQuantiles)) {
    text += fmt::format(" q{}={}", ShortDouble(quantile.Double(1).value_or(0)),
                        ShortDouble(quantile.Double(2).value_or(0)));
  }
  return text;
}

void AppendMetric(std::string* out, const Record& metric) {
  struct Kind {
    uint32_t number;
    uint32_t attributes;
    std::string (*text)(const Record& point);
  };
  constexpr Kind kKinds[] = {
      {field::kGauge, field::kNumberAttributes, NumberPoint},
      {field::kSum, field::kNumberAttributes, NumberPoint},
      {field::kHistogram, field::kHistogramAttributes, HistogramPoint},
      {field::kExponentialHistogram, field::kExponentialAttributes, ExponentialPoint},
      {field::kSummary, field::kSummaryAttributes, SummaryPoint}};
  for (const Kind& kind : kKinds) {
    for (const Record& point : metric.Child(kind.number).Children(field::kPoints)) {
      fmt::format_to(std::back_inserter(*out), "{}{{{}}} {}\n", metric.Text(field::kMetricName),
                     Attributes(point, kind.attributes, ","), kind.text(point));
    }
  }
}

struct SignalText {
  std::string_view resource;
  std::string_view scope;
  void (*append)(std::string* out, const Record& item);
};

SignalText TextOf(otlp::Signal signal) {
  switch (signal) {
    case otlp::Signal::kTraces:
      return {"ResourceTraces", "ScopeTraces", AppendSpan};
    case otlp::Signal::kMetrics:
      return {"ResourceMetrics", "ScopeMetrics", AppendMetric};
    case otlp::Signal::kLogs:
      return {"ResourceLog", "ScopeLog", AppendLogRecord};
  }
  return {};
}

}  // namespace

std::string NormalText(otlp::Signal signal, ByteSpan request) {
  const SignalText text = TextOf(signal);
  std::string out;
  size_t resource_index = 0;
  for (const Record& resource : Record(request).Children(field::kResources)) {
    fmt::format_to(std::back_inserter(out), "{} #{}{}{}\n", text.resource, resource_index,
                   SchemaUrl(resource),
                   SpacedAttributes(resource.Child(field::kResource), field::kResourceAttributes));
    size_t scope_index = 0;
    for (const Record& scope : resource.Children(field::kScopes)) {
      fmt::format_to(std::back_inserter(out), "{} #{}{}\n", text.scope, scope_index++,
                     ScopeLine(scope));
      for (const Record& item : scope.Children(field::kItems)) {
        text.append(&out, item);
      }
    }
    ++resource_index;
  }
  return out;
}

}  // namespace gapless::exporter::debug
