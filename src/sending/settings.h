// The settings that every exporter shares: timeout, retry_on_failure, sending_queue. Names and
// defaults are upstream's exporterhelper; on_full and on_expiry are ours.
#pragma once

#include "base/component_id.h"
#include "base/status.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gapless::sending {

struct RetrySettings {
  bool enabled = true;
  Duration initial_interval = std::chrono::seconds(5);
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  Duration max_interval = std::chrono::seconds(30);
  Duration max_elapsed_time = std::chrono::seconds(300);  // 0: for ever

  bool operator==(const RetrySettings&) const = default;
};

enum class Sizer : uint8_t { kRequests, kItems, kBytes };
enum class OnFull : uint8_t { kReject, kBlock, kDropOldest };
enum class OnExpiry : uint8_t { kKeep, kDrop };

// Merging on the way out: `sending_queue.batch`, and what the planner takes over from a `batch`
// processor.
struct BatchSettings {
  Duration flush_timeout = std::chrono::milliseconds(200);
  uint64_t min_size = 8192;
  uint64_t max_size = 0;        // 0: no cap
  Sizer sizer = Sizer::kItems;  // items or bytes
  std::vector<std::string> metadata_keys;
  uint64_t groups_max = 0;  // different values of these that may wait at once; 0: any number
  // ID of the batch processor that it comes from, a label of its metrics; empty: none. No part of
  // the value: two processors with the same settings ask for the same.
  std::string processor;

  bool operator==(const BatchSettings& other) const {
    return flush_timeout == other.flush_timeout && min_size == other.min_size &&
           max_size == other.max_size && sizer == other.sizer &&
           metadata_keys == other.metadata_keys && groups_max == other.groups_max;
  }
};

// What a level also gets, once it is well again, of what was delivered elsewhere meanwhile. A key
// of the failover connector.
struct BackfillSettings {
  Duration max_age = std::chrono::hours(24);  // 0: any age
  // Bytes that records may take which are kept for this alone; 0: 64 MiB in memory, half of the
  // free space on disk.
  uint64_t max_size = 0;
  uint64_t rate = uint64_t{8} << 20;  // bytes per second beside live data; 0: no limit

  bool operator==(const BackfillSettings&) const = default;
};

// Records that a level has confirmed stay readable for a while, so that what a backend loses with
// its last seconds can be sent again. A key of the failover connector.
struct RetainSettings {
  Duration time = std::chrono::seconds(30);  // 0: off
  uint64_t max_size = uint64_t{64} << 20;    // bytes, the oldest go first; 0: off

  bool operator==(const RetainSettings&) const = default;
};

// A health page of a backend and what its answers mean. A key of the failover connector.
struct HealthCheckSettings {
  std::string url;
  Duration interval = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(5);
  uint32_t fall = 3;  // bad answers in a row that take the level out of use
  uint32_t rise = 1;  // good ones that bring it back

  bool operator==(const HealthCheckSettings&) const = default;
};

struct QueueSettings {
  bool enabled = true;
  uint32_t num_consumers = 10;
  uint64_t queue_size = 1000;
  Sizer sizer = Sizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  std::optional<ComponentId> storage;
  std::optional<BatchSettings> batch;
  OnFull on_full = OnFull::kReject;
  OnExpiry on_expiry = OnExpiry::kKeep;
  // Failover connectors only.
  std::optional<BackfillSettings> backfill = std::nullopt;
  // Unset: RetainSettings() in a durable queue, off in memory.
  std::optional<RetainSettings> retain = std::nullopt;
  // Of what a level confirmed so long before it was gone nothing counts as confirmed.
  // Unset: 15 s with backfill, else 0.
  std::optional<Duration> overlap = std::nullopt;

  bool operator==(const QueueSettings&) const = default;
};

struct DeliverySettings {
  Duration timeout = std::chrono::seconds(5);  // per attempt; 0: none
  RetrySettings retry;
  QueueSettings queue;

  bool operator==(const DeliverySettings&) const = default;
};

}  // namespace gapless::sending
