#include "connector/failover/config.h"

#include "base/component_id.h"

#include <fmt/format.h>

namespace gapless::connector::failover {
namespace {

using config::Checker;
using config::Field;
using config::Node;
using config::Table;

void CheckLevel(const Node& level, size_t index, Checker& checker) {
  if (!level.is_list() || level.list().empty()) {
    checker.Fail(
        "priority_levels",
        fmt::format("level {} must be a list of at least one pipeline or exporter ID", index));
    return;
  }
  for (const Node& entry : level.list()) {
    if (!entry.is_string()) {
      checker.Fail("priority_levels", fmt::format("level {} must hold IDs as text", index));
    } else if (const auto id = ComponentId::Parse(entry.text()); !id.ok()) {
      checker.Fail("priority_levels", id.status().message());
    }
  }
}

void Check(const Config& config, Checker& checker) {
  const Node& levels = config.priority_levels;
  if (!levels.is_list() || levels.list().empty()) {
    checker.Fail("priority_levels", "no pipelines are defined in the priority list");
  }
  for (size_t i = 0; i < levels.list().size(); ++i) {
    CheckLevel(levels.list()[i], i, checker);
  }
  if (config.retry_interval <= Duration::zero()) {
    checker.Fail("retry_interval", "retry interval must be positive");
  }
  const std::pair<const char*, Duration> durations[] = {{"retry_gap", config.retry_gap},
                                                        {"suspect_after", config.suspect_after}};
  for (const auto& [key, value] : durations) {
    if (value <= Duration::zero()) {
      checker.Fail(key, fmt::format("{} must be positive", key));
    }
  }
  if (config.hold < Duration::zero()) {
    checker.Fail("hold", "hold must not be negative");
  }
  if (config.fall == 0 || config.rise == 0) {
    checker.Fail(config.fall == 0 ? "fall" : "rise", "must be at least 1");
  }
  if (config.condition && !config.condition->error) {
    checker.Fail("condition", "no condition is defined");
  }
}

}  // namespace

const Table<Config>& ConfigTable() {
  static const Table<Condition::Error> error = {
      Field("contains", &Condition::Error::contains, "Accepted; every real failure counts.")};
  static const Table<Condition> condition = {
      Field("error", &Condition::error, error, "Upstream's condition on the error text.")};
  static const Table<Config> table(
      {
          Field("priority_levels", &Config::priority_levels,
                "Levels, most wanted first: lists of pipeline IDs or exporter IDs."),
          Field("retry_interval", &Config::retry_interval,
                "Time between two probe rounds of a level that is down."),
          Field("retry_gap", &Config::retry_gap,
                "Least time between two probe rounds of this connector."),
          Field("max_retries", &Config::max_retries,
                "After so many failed rounds in a row the pace drops to a tenth; 0: never."),
          Field("sending_queue", &Config::sending_queue, delivery::QueueTable(),
                "The journal in front of the decision."),
          Field("condition", &Config::condition, condition, "Accepted for upstream's sake."),
          Field("fall", &Config::fall, "Failures in a row that take a level down."),
          Field("rise", &Config::rise, "Good probes in a row before a trial."),
          Field("hold", &Config::hold, "Least time a level stays down; doubles while it flaps."),
          Field("suspect_after", &Config::suspect_after,
                "A connection without any sign of life for so long is dialled anew."),
          Field("order", &Config::order,
                config::Enum<delivery::Order>({{"fifo", delivery::Order::kFifo},
                                               {"live_first", delivery::Order::kLiveFirst}}),
                "What goes first after an outage; default fifo for metrics, else live_first."),
      },
      Check);
  return table;
}

delivery::FailoverPlan ToPlan(const Config& config) {
  delivery::FailoverPlan plan{.router = {.retry_interval = config.retry_interval,
                                         .retry_gap = config.retry_gap,
                                         .max_retries = config.max_retries,
                                         .fall = config.fall,
                                         .rise = config.rise,
                                         .hold = config.hold},
                              .queue = delivery::Resolve(config.sending_queue),
                              .queue_written = config.sending_queue->written,
                              .order = config.order,
                              .suspect_after = config.suspect_after};
  for (const Node& level : config.priority_levels.list()) {
    auto& entries = plan.levels.emplace_back();
    for (const Node& entry : level.list()) {
      entries.push_back({.id = entry.text(), .mark = entry.mark()});
    }
  }
  return plan;
}

}  // namespace gapless::connector::failover
