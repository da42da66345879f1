// Prometheus text exposition, format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/), spelled as the Collector's reader
// spells it (OpenTelemetry's Prometheus exporter specification).
#pragma once

#include "telemetry/metrics.h"

#include <span>
#include <string>
#include <string_view>

namespace gapless::telemetry {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

// The reader's switches with the Collector's defaults: raw names. When false: `without_type_suffix`
// gives counters
// "_total"; `without_units` gives names their unit ("_seconds", "_bytes") unless they end with it;
// `without_scope_info` gives every series otel_scope_name, otel_scope_version and
// otel_scope_schema_url.
struct PrometheusOptions {
  bool without_units = true;
  bool without_type_suffix = true;
  bool without_scope_info = true;
  std::string scope_version = {};
  Labels resource = {};         // resource attributes: the labels of target_info ('.' becomes '_')
  Labels constant_labels = {};  // added to every series (with_resource_constant_labels)
};

// Deterministic: families and series in order, labels sorted by name.
std::string PrometheusText(std::span<const FamilyValue> families, const PrometheusOptions& options);

// The name that a metric has with these options.
std::string PrometheusName(const MetricDef& def, const PrometheusOptions& options);

}  // namespace gapless::telemetry
