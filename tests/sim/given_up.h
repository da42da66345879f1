// What backfills gave up, by the product's own count.
#pragma once

#include "telemetry/metrics.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace gapless::sim {

// Items, of the series with this value of some label: a reason, or a queue.
inline uint64_t GivenUpItems(telemetry::Registry& registry, std::string_view label_value) {
  double items = 0;
  for (const telemetry::FamilyValue& family : registry.Collect()) {
    for (const telemetry::SeriesValue& series : family.series) {
      const bool wanted = std::ranges::any_of(
          series.labels, [&](const auto& label) { return label.second == label_value; });
      items += wanted && family.def->name.ends_with("backfill_given_up_items") ? series.value : 0;
    }
  }
  return static_cast<uint64_t>(items);
}

}  // namespace gapless::sim
