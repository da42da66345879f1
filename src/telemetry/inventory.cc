#include "telemetry/inventory.h"

#include "fmt/format.h"

namespace gapless::telemetry {
namespace {

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kUpDownCounter:
      return "up-down counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "";
}

std::string_view LevelName(MetricLevel level) {
  switch (level) {
    case MetricLevel::kNone:
      return "none";
    case MetricLevel::kBasic:
      return "basic";
    case MetricLevel::kNormal:
      return "normal";
    case MetricLevel::kDetailed:
      return "detailed";
  }
  return "";
}

constexpr std::string_view kIntroduction =
    "# Metrics\n\n"
    "Names are those of the default exposition. With `without_type_suffix: false` counters end in "
    "`_total`; with\n`without_units: false` names end in their unit (`_seconds`, `_bytes`) unless "
    "they do so already. A metric is exposed\nwhen `service.telemetry.metrics.level` is at least "
    "its level. *Only after a first failure*: the series is not shown\nwhile it is zero.\n\n"
    "This file is generated from `src/telemetry/inventory.h`; a test compares the two.\n\n"
    "| Metric | Kind | Unit | Labels | Level | Meaning |\n|---|---|---|---|---|---|\n";

}  // namespace

std::string InventoryMarkdown() {
  std::string text(kIntroduction);
  for (const MetricDef& def : kInventory) {
    text += fmt::format("| `{}` | {} | {} | {} | {} | {}{} |\n", def.name, KindName(def.kind),
                        def.unit.empty() ? "" : fmt::format("`{}`", def.unit), def.labels,
                        LevelName(def.level), def.help,
                        def.hidden_while_zero ? " Only after a first failure." : "");
  }
  return text;
}

}  // namespace gapless::telemetry
