// Every metric that gapless has, from two tables: registration, docs/metrics.md and the exposition
// read them.
//
// A component names a metric with Metric("otelcol_…"): a name that is not in the table does not
// compile. Names and labels are the Collector's where it has the metric; what is ours is in
// delivery_metrics.h. To add a metric: add its row to one of the two, then run the telemetry test,
// which writes the new docs/metrics.md and says where.
#pragma once

#include "telemetry/delivery_metrics.h"
#include "telemetry/metrics.h"
#include "telemetry/pipeline_metrics.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace gapless::telemetry {

// In the order of docs/metrics.md.
inline constexpr auto kInventory = [] {
  std::array<MetricDef, kPipelineMetrics.size() + kDeliveryMetrics.size()> all;
  std::ranges::copy(kPipelineMetrics, all.begin());
  std::ranges::copy(kDeliveryMetrics, all.begin() + kPipelineMetrics.size());
  return all;
}();

// The row of that name, found at compile time.
consteval const MetricDef& Metric(std::string_view name) {
  for (const MetricDef& def : kInventory) {
    if (def.name == name) {
      return def;
    }
  }
  throw "no such metric in telemetry/inventory.h";
}

// The three rows of that prefix in order of signal: traces, metrics, logs.
//   MetricsBySignal("otelcol_exporter_sent_")[0] is otelcol_exporter_sent_spans.
consteval std::array<const MetricDef*, 3> MetricsBySignal(std::string_view prefix) {
  constexpr std::array<std::string_view, 3> kSuffixes = {"spans", "metric_points", "log_records"};
  std::array<const MetricDef*, 3> found = {};
  for (size_t i = 0; i < found.size(); ++i) {
    bool known = false;
    for (const MetricDef& def : kInventory) {
      if (def.name.starts_with(prefix) && def.name.substr(prefix.size()) == kSuffixes[i]) {
        found[i] = &def;
        known = true;
      }
    }
    // Not a comparison with null: no constant expression to g++ 12 under its sanitizer.
    if (!known) {
      throw "no such metrics in telemetry/inventory.h";
    }
  }
  return found;
}

// The whole text of docs/metrics.md.
std::string InventoryMarkdown();

}  // namespace gapless::telemetry
