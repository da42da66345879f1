#include "connector/failover/config.h"

#include "base/component_id.h"
#include "config/nearest.h"
#include "endpoint/target.h"

#include <algorithm>

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

void CheckDeadLetter(const Node& entry, Checker& checker) {
  if (entry.is_null()) {
    return;
  }
  if (!entry.is_string()) {
    checker.Fail("dead_letter", "must be the ID of an exporter");
  } else if (const auto id = ComponentId::Parse(entry.text()); !id.ok()) {
    checker.Fail("dead_letter", id.status().message());
  }
}

void CheckHealth(const HealthConfig& health, Checker& checker) {
  if (const auto url = endpoint::ParseUrl(health.http); !url.ok()) {
    checker.Fail("http", url.status().message());
  }
  if (health.interval <= Duration::zero() || health.timeout <= Duration::zero()) {
    checker.Fail(health.interval <= Duration::zero() ? "interval" : "timeout", "must be positive");
  }
  if (health.fall == 0 || health.rise == 0) {
    checker.Fail(health.fall == 0 ? "fall" : "rise", "must be at least 1");
  }
}

void CheckHealthKeys(const Config& config, Checker& checker) {
  std::vector<std::string> entries;
  for (const Node& level : config.priority_levels.list()) {
    for (size_t i = 0; level.is_list() && i < level.list().size(); ++i) {
      entries.push_back(level.list()[i].text());
    }
  }
  for (const auto& [entry, health] : config.health_check) {
    if (std::ranges::find(entries, entry) == entries.end()) {
      checker.Fail(config::JoinPath("health_check", entry),
                   fmt::format("\"{}\" is no entry of priority_levels{}", entry,
                               config::NearestHint(entry, entries)));
    }
  }
}

// None: not written, so that the queue decides.
std::optional<sending::RetainSettings> RetainOf(const Config& config) {
  if (!config.retain) {
    return std::nullopt;
  }
  return sending::RetainSettings{.time = config.retain->time,
                                 .max_size = config.retain->max_size.bytes};
}

void CheckRetention(const Config& config, Checker& checker) {
  if (config.retain && config.retain->time < Duration::zero()) {
    checker.Fail("retain::time", "time must not be negative");
  }
  if (!config.overlap) {
    return;
  }
  const auto retain = RetainOf(config).value_or(sending::RetainSettings());
  const bool off = retain.time <= Duration::zero() || retain.max_size == 0;
  if (*config.overlap < Duration::zero()) {
    checker.Fail("overlap", "overlap must not be negative");
  } else if (*config.overlap > (off ? Duration::zero() : retain.time)) {
    checker.Fail("overlap", off ? "what is not retained cannot be sent again: `retain` is off"
                                : "overlap must not be longer than retain::time");
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
  if (config.overflow_after < Duration::zero()) {
    checker.Fail("overflow_after", "overflow_after must not be negative");
  }
  if (config.fall == 0 || config.rise == 0) {
    checker.Fail(config.fall == 0 ? "fall" : "rise", "must be at least 1");
  }
  if (config.backfill && config.backfill->max_age < Duration::zero()) {
    checker.Fail("backfill::max_age", "max_age must not be negative");
  }
  CheckRetention(config, checker);
  CheckDeadLetter(config.dead_letter, checker);
  CheckHealthKeys(config, checker);
  if (config.condition && !config.condition->error) {
    checker.Fail("condition", "no condition is defined");
  } else if (config.condition && config.condition->error->contains.empty()) {
    checker.Fail("condition::error", "`contains` must not be empty");
  }
}

const Table<RetainConfig>& RetainTable() {
  static const Table<RetainConfig> retain = {
      Field("time", &RetainConfig::time, "How long; 0: not at all."),
      Field("max_size", &RetainConfig::max_size,
            "Bytes, the oldest released beyond; 0: not at all."),
  };
  return retain;
}

}  // namespace

const Table<Config>& ConfigTable() {
  static const Table<Condition::Error> error = {
      Field("contains", &Condition::Error::contains,
            "Only failures with these words, in any case, count against a level.")};
  static const Table<Condition> condition = {
      Field("error", &Condition::error, error, "By the words of the failure.")};
  static const Table<BackfillConfig> backfill = {
      Field("max_age", &BackfillConfig::max_age,
            "What is older is not brought any more; 0: any age."),
      Field("max_size", &BackfillConfig::max_size,
            "Bytes kept for this alone, the oldest given up beyond; 0: 64 MiB in memory, half of "
            "the free space on disk."),
      Field("rate", &BackfillConfig::rate,
            "Bytes per second beside live data; 0: as fast as the level takes it."),
  };
  static const Table<HealthConfig> health(
      {
          Field("http", &HealthConfig::http, "The page; well is what answers 2xx."),
          Field("interval", &HealthConfig::interval, "Time between two questions."),
          Field("timeout", &HealthConfig::timeout, "Time for an answer."),
          Field("fall", &HealthConfig::fall,
                "Bad answers in a row that take the level out of use."),
          Field("rise", &HealthConfig::rise, "Good ones that bring it back."),
      },
      CheckHealth);
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
          Field("sending_queue", &Config::sending_queue, sending::QueueTable(),
                "The journal in front of the decision."),
          Field("condition", &Config::condition, condition,
                "What counts as a failure of a level; absent: all that speaks against it."),
          Field("fall", &Config::fall, "Failures in a row that take a level down."),
          Field("rise", &Config::rise, "Good probes in a row before a trial."),
          Field("hold", &Config::hold, "Least time a level stays down; doubles while it flaps."),
          Field("suspect_after", &Config::suspect_after,
                "A connection without any sign of life for so long is dialled anew."),
          Field("overflow_after", &Config::overflow_after,
                "A level that throttles gets help from the next one when data has waited for so "
                "long, and goes down when it takes nothing for so long; 0: never."),
          Field("order", &Config::order,
                config::Enum<queue::Order>(
                    {{"fifo", queue::Order::kFifo}, {"live_first", queue::Order::kLiveFirst}}),
                "fifo: the oldest first, the data of one resource one after the other; live_first: "
                "what comes now goes first; default fifo for metrics, else live_first."),
          Field("backfill", &Config::backfill, backfill,
                "A level that is back also gets what lower levels took meanwhile; off unless "
                "present."),
          Field("retain", &Config::retain, RetainTable(),
                "Delivered records stay readable for a while; absent: so in a durable queue, off "
                "in memory."),
          Field("overlap", &Config::overlap,
                "What a level confirmed so long before it was gone is sent again; "
                "default 15s with backfill, else 0."),
          Field("dead_letter", &Config::dead_letter,
                "An exporter that gets what every level rejected; default none."),
          Field(
              "health_check", &Config::health_check, health,
              "Health pages, by entry of priority_levels, that have a say in whether it is used."),
      },
      Check);
  return table;
}

queue::FailoverPlan ToPlan(const Config& config) {
  queue::FailoverPlan plan{.router = {.retry_interval = config.retry_interval,
                                      .retry_gap = config.retry_gap,
                                      .max_retries = config.max_retries,
                                      .fall = config.fall,
                                      .rise = config.rise,
                                      .hold = config.hold,
                                      .overflow_after = config.overflow_after},
                           .queue = sending::Resolve(config.sending_queue),
                           .queue_written = config.sending_queue->written,
                           .order = config.order,
                           .suspect_after = config.suspect_after};
  if (config.condition) {
    plan.router.failure_words = config.condition->error->contains;
  }
  if (config.backfill) {
    plan.queue.backfill = sending::BackfillSettings{.max_age = config.backfill->max_age,
                                                    .max_size = config.backfill->max_size.bytes,
                                                    .rate = config.backfill->rate.bytes_per_second};
  }
  plan.queue.retain = RetainOf(config);
  plan.queue.overlap = config.overlap;
  if (!config.dead_letter.is_null()) {
    plan.dead_letter = {.id = config.dead_letter.text(), .mark = config.dead_letter.mark()};
  }
  for (const auto& [entry, health] : config.health_check) {
    plan.health[entry] = {.url = health.http,
                          .interval = health.interval,
                          .timeout = health.timeout,
                          .fall = health.fall,
                          .rise = health.rise};
  }
  for (const Node& level : config.priority_levels.list()) {
    auto& entries = plan.levels.emplace_back();
    for (const Node& entry : level.list()) {
      entries.push_back({.id = entry.text(), .mark = entry.mark()});
    }
  }
  return plan;
}

}  // namespace gapless::connector::failover
