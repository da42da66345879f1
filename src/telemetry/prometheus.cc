#include "telemetry/prometheus.h"

#include "fmt/format.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace gapless::telemetry {
namespace {

using Out = fmt::memory_buffer;

void Append(Out& out, std::string_view text) { out.append(text.data(), text.data() + text.size()); }

// UCUM units to words, as OpenTelemetry's compatibility specification lists them; annotations
// ("{span}") have none.
std::string_view UnitSuffix(const MetricDef& def) {
  constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"s", "seconds"}, {"ms", "milliseconds"}, {"us", "microseconds"},
      {"By", "bytes"},  {"MiBy", "mebibytes"},  {"%", "percent"}};
  for (const auto& [unit, suffix] : kUnits) {
    if (unit == def.unit) {
      return suffix;
    }
  }
  return def.unit == "1" && def.kind == MetricKind::kGauge ? "ratio" : "";
}

std::string_view TypeName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kUpDownCounter:
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void AppendEscaped(Out& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      Append(out, "\\\\");
    } else if (c == '\n') {
      Append(out, "\\n");
    } else if (c == '"' && quotes) {
      Append(out, "\\\"");
    } else {
      out.push_back(c);
    }
  }
}

// Whole numbers without a point or an exponent, so that counters read as counts.
void AppendNumber(Out& out, double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::isnan(value)) {
    Append(out, "NaN");
  } else if (std::isinf(value)) {
    Append(out, value > 0 ? "+Inf" : "-Inf");
  } else if (std::abs(value) < kExact && value == std::trunc(value)) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

std::string LabelName(std::string_view attribute) {
  std::string name(attribute);
  for (char& c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) {
      c = '_';
    }
  }
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) {
    name.insert(0, "key_");
  }
  return name;
}

// Attributes that become the same label have their values joined, in the order of their names
// (OpenTelemetry's specification of Prometheus compatibility).
Labels AsLabels(Labels attributes) {
  std::sort(attributes.begin(), attributes.end());
  Labels labels;
  for (auto& [attribute, value] : attributes) {
    const std::string name = LabelName(attribute);
    const auto same = std::find_if(labels.begin(), labels.end(),
                                   [&](const auto& label) { return label.first == name; });
    if (same == labels.end()) {
      labels.emplace_back(name, std::move(value));
    } else {
      same->second += ";" + value;
    }
  }
  return labels;
}

// {a="1",b="2"}; nothing at all without labels.
void AppendLabels(Out& out, const Labels& labels) {
  char separator = '{';
  for (const auto& [name, value] : labels) {
    out.push_back(separator);
    Append(out, name);
    Append(out, "=\"");
    AppendEscaped(out, value, true);
    out.push_back('"');
    separator = ',';
  }
  if (separator == ',') {
    out.push_back('}');
  }
}

void AppendSample(Out& out, std::string_view name, std::string_view suffix, const Labels& labels,
                  double value) {
  Append(out, name);
  Append(out, suffix);
  AppendLabels(out, labels);
  out.push_back(' ');
  AppendNumber(out, value);
  out.push_back('\n');
}

void AppendHeader(Out& out, std::string_view name, std::string_view type, std::string_view help) {
  Append(out, "# HELP ");
  Append(out, name);
  out.push_back(' ');
  AppendEscaped(out, help, false);
  fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name, type);
}

void AppendHistogram(Out& out, std::string_view name, const MetricDef& def,
                     const SeriesValue& series, Labels labels) {
  // The bound of a bucket has this name: another label of it is renamed as Prometheus does.
  for (auto& [label, value] : labels) {
    label = label == "le" ? "exported_le" : label;
  }
  uint64_t cumulative = 0;
  for (size_t i = 0; i < series.buckets.size(); ++i) {
    cumulative += series.buckets[i];
    Out bound;
    AppendNumber(bound, i < def.bounds.size() ? def.bounds[i] : INFINITY);
    Labels with_bound = labels;
    with_bound.emplace_back("le", std::string(bound.data(), bound.size()));
    AppendSample(out, name, "_bucket", with_bound, static_cast<double>(cumulative));
  }
  AppendSample(out, name, "_sum", labels, series.sum);
  AppendSample(out, name, "_count", labels, static_cast<double>(series.count));
}

// Labels of a series and those that every series gets; the series' own win.
Labels Merge(const Labels& own, const Labels& common) {
  Labels merged = AsLabels(own);
  const size_t count = merged.size();
  for (const auto& label : common) {
    const bool taken = std::any_of(merged.begin(), merged.begin() + static_cast<ptrdiff_t>(count),
                                   [&](const auto& other) { return other.first == label.first; });
    if (!taken) {
      merged.push_back(label);
    }
  }
  std::sort(merged.begin(), merged.end());
  return merged;
}

Labels CommonLabels(const PrometheusOptions& options) {
  Labels common = AsLabels(options.constant_labels);
  const auto set = [&common](std::string name, std::string value) {
    std::erase_if(common, [&](const auto& label) { return label.first == name; });
    common.emplace_back(std::move(name), std::move(value));
  };
  if (!options.without_scope_info) {
    set("otel_scope_name", "gapless");
    set("otel_scope_schema_url", "");
    set("otel_scope_version", options.scope_version);
  }
  return common;
}

void AppendFamily(Out& out, const FamilyValue& family, std::string_view name,
                  const Labels& common) {
  AppendHeader(out, name, TypeName(family.def->kind), family.def->help);
  for (const SeriesValue& series : family.series) {
    const Labels labels = Merge(series.labels, common);
    if (family.def->kind == MetricKind::kHistogram) {
      AppendHistogram(out, name, *family.def, series, labels);
    } else {
      AppendSample(out, name, "", labels, series.value);
    }
  }
}

// What the Collector's endpoint always has beside the metrics proper.
void AppendHandlerErrors(Out& out) {
  constexpr std::string_view kName = "promhttp_metric_handler_errors_total";
  AppendHeader(out, kName, "counter",
               "Total number of internal errors encountered by the promhttp metric handler.");
  AppendSample(out, kName, "", {{"cause", "encoding"}}, 0);
  AppendSample(out, kName, "", {{"cause", "gathering"}}, 0);
}

void AppendTargetInfo(Out& out, const PrometheusOptions& options) {
  AppendHeader(out, "target_info", "gauge", "Target metadata");
  AppendSample(out, "target_info", "", AsLabels(options.resource), 1);
}

}  // namespace

std::string PrometheusName(const MetricDef& def, const PrometheusOptions& options) {
  std::string name(def.name);
  const bool total = def.kind == MetricKind::kCounter && !options.without_type_suffix;
  // The type comes after the unit: a name that ends with it already is taken apart first.
  if (total && name.ends_with("_total")) {
    name.resize(name.size() - std::string_view("_total").size());
  }
  const std::string_view unit = UnitSuffix(def);
  if (!options.without_units && !unit.empty() && !name.ends_with(unit)) {
    name += '_';
    name += unit;
  }
  return total ? name + "_total" : name;
}

std::string PrometheusText(std::span<const FamilyValue> families,
                           const PrometheusOptions& options) {
  struct Named {
    std::string name;
    const FamilyValue* family;
  };
  std::vector<Named> named;
  for (const FamilyValue& family : families) {
    named.push_back({PrometheusName(*family.def, options), &family});
  }
  std::sort(named.begin(), named.end(),
            [](const Named& a, const Named& b) { return a.name < b.name; });

  Out out;
  const Labels common = CommonLabels(options);
  for (const Named& entry : named) {
    AppendFamily(out, *entry.family, entry.name, common);
  }
  AppendHandlerErrors(out);
  AppendTargetInfo(out, options);
  return {out.data(), out.size()};
}

}  // namespace gapless::telemetry
