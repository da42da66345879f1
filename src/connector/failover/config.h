// Configuration of the `failover` connector. The keys are upstream's and the guide's; ours are
// marked in README.md.
#pragma once

#include "config/fields.h"
#include "queue/factory.h"
#include "sending/settings_tables.h"

#include <map>
#include <optional>
#include <string>

namespace gapless::connector::failover {

struct Condition {
  struct Error {
    std::string contains;
  };
  config::Section<Error> error;
};

struct BackfillConfig {
  Duration max_age = std::chrono::hours(24);
  config::ByteSize max_size;
  config::ByteRate rate{uint64_t{8} << 20};
};

struct RetainConfig {
  Duration time = std::chrono::seconds(30);
  config::ByteSize max_size{uint64_t{64} << 20};
};

struct HealthConfig {
  std::string http;
  Duration interval = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(5);
  uint32_t fall = 3;
  uint32_t rise = 1;
};

struct Config {
  config::Node priority_levels;
  Duration retry_interval = std::chrono::seconds(30);
  Duration retry_gap = std::chrono::seconds(1);
  uint32_t max_retries = 0;
  config::Section<sending::QueueConfig> sending_queue = config::Section<sending::QueueConfig>::On();
  config::Section<Condition> condition;
  uint32_t fall = 3;
  uint32_t rise = 2;
  Duration hold = std::chrono::seconds(5);
  Duration suspect_after = std::chrono::seconds(1);
  Duration overflow_after = std::chrono::seconds(30);
  std::optional<queue::Order> order;
  config::Section<BackfillConfig> backfill;
  std::optional<RetainConfig> retain;
  std::optional<Duration> overlap;
  config::Node dead_letter;
  std::map<std::string, HealthConfig> health_check;  // by entry of priority_levels
};

const config::Table<Config>& ConfigTable();
// The part that the planner works with.
queue::FailoverPlan ToPlan(const Config& config);

}  // namespace gapless::connector::failover
