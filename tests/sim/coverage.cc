#include "tests/sim/coverage.h"

#include "tests/sim/backend_life.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace gapless::sim {
namespace {

// What a run of many lives must reach, beside every feature.
constexpr std::string_view kGoals[] = {
    // routing: docs/failover.md and router.h.
    "level healthy>down",
    "level down>probing",
    "level down>healthy",
    "level probing>down",
    "level probing>healthy",
    "level probing>trial",
    "level trial>down",
    "level trial>healthy",
    "switch dial_failed",
    "switch transport",
    "switch faulty",
    "switch throttled",
    "switch denied",
    "switch probe",
    "switch trial",
    "switch operator",
    // sending: outcome classes.
    "answer ok",
    "answer transport",
    "answer faulty",
    "answer throttled",
    "answer denied",
    "answer rejected",
    // queue and journal: reasons.
    "drop rejected",
    "drop poison",
    "drop expired",
    "drop withdrawn",
    "drop unsynced",
    "given_up rejected",
    "given_up no_room",
    "given_up level_gone",
    "given_up poison",
    "repeated",
    "handed_over",
    "backfilled",
    "possible_duplicates",
    // journal: what a disk and a start do.
    "log the journal cannot store",
    "log the journal cannot write its checkpoint",
    "log the journal cannot read",
    "log a checkpoint of the journal is damaged",
    "log bytes of the journal are damaged",
    "log records of the journal are lost",
    "log sending queue is full",
};

std::string LabelOf(const telemetry::SeriesValue& series, std::string_view name) {
  const auto it = std::ranges::find(series.labels, name, [](const auto& l) { return l.first; });
  return it == series.labels.end() ? std::string() : it->second;
}

}  // namespace

void Coverage::Count() {
  for (const std::string& goal : now_) {
    ++reached_[goal];
  }
  now_.clear();
}

void Coverage::AddMetrics(telemetry::Registry& registry) {
  struct Row {
    std::string_view metric;
    std::string_view goal;
    std::string_view label;  // empty: none
  };
  static constexpr Row kRows[] = {
      {"otelcol_connector_failover_switches", "switch", "reason"},
      {"otelcol_connector_failover_probe", "probe", "result"},
      {"gapless_journal_dropped_items", "drop", "reason"},
      {"otelcol_connector_failover_backfill_given_up_items", "given_up", "reason"},
      {"gapless_journal_repeated_items", "repeated", ""},
      {"otelcol_connector_failover_handed_over_items", "handed_over", ""},
      {"otelcol_connector_failover_backfilled_items", "backfilled", ""},
      {"otelcol_connector_failover_possible_duplicates", "possible_duplicates", ""},
  };
  for (const telemetry::FamilyValue& family : registry.Collect()) {
    const auto row = std::ranges::find(kRows, family.def->name, &Row::metric);
    for (const telemetry::SeriesValue& series : family.series) {
      if (row != std::end(kRows) && series.value > 0) {
        const std::string label = row->label.empty() ? "" : " " + LabelOf(series, row->label);
        now_.insert(std::string(row->goal) + label);
      }
    }
  }
  Count();
}

std::string_view Coverage::GoalOfLog(std::string_view line) {
  for (const std::string_view goal : kGoals) {
    if (goal.starts_with("log ") && line.contains(goal.substr(4))) {
      return goal;
    }
  }
  return {};
}

void Coverage::Add(const Features& features, BackendLife& life) {
  ++lives_;
  lived_ += life.lived();
  ForEachFeature([&](const NamedFeature& feature) {
    if (features.*feature.on) {
      now_.insert("feature " + std::string(feature.name));
    }
  });
  for (const auto& [change, times] : life.level_watch().changes()) {
    now_.insert("level " + change);
  }
  for (const auto& [outcome, times] : life.deliveries().answers()) {
    now_.insert("answer " + std::string(sending::ToString(outcome)));
  }
  for (const std::string_view goal : life.logged()) {
    now_.insert(std::string(goal));
  }
  AddMetrics(life.registry());
}

std::vector<std::string> Coverage::Missing() const {
  std::vector<std::string> missing;
  const auto want = [&](const std::string& goal) {
    if (!reached_.contains(goal)) {
      missing.push_back(goal);
    }
  };
  for (const std::string_view goal : kGoals) {
    want(std::string(goal));
  }
  ForEachFeature([&](const NamedFeature& feature) {
    const bool held_to = std::ranges::any_of(kHeldTo, [&](const auto& list) {
      return std::ranges::find(list, feature.name) != list.end();
    });
    const bool promise =
        std::ranges::find(kPromises, feature.name, &NamedFeature::name) != std::end(kPromises);
    if (held_to || !promise) {
      want("feature " + std::string(feature.name));
    }
  });
  return missing;
}

std::string Coverage::Table() const {
  std::string table;
  for (const auto& [goal, lives] : reached_) {
    table += fmt::format("{:8} {}\n", lives, goal);
  }
  for (const std::string& goal : Missing()) {
    table += fmt::format("{:8} {}\n", "NEVER", goal);
  }
  return table;
}

}  // namespace gapless::sim
