// Field tables of the settings that every exporter shares: timeout, retry_on_failure,
// sending_queue.
#pragma once

#include "config/fields.h"
#include "sending/settings.h"

namespace gapless::sending {

// As configured, signed so that what is negative is refused in upstream's words; Resolve gives the
// settings in force.
struct QueueConfig {
  int64_t num_consumers = 10;
  int64_t queue_size = 1000;
  Sizer sizer = Sizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  std::optional<ComponentId> storage;
  struct Partition {
    std::vector<std::string> metadata_keys;
  };
  struct Batch {
    Duration flush_timeout = std::chrono::milliseconds(200);
    int64_t min_size = 8192;
    int64_t max_size = 0;
    Sizer sizer = Sizer::kItems;
    Partition partition;
    config::WrittenKeys written;
  };
  config::Section<Batch> batch;
  OnFull on_full = OnFull::kReject;
  OnExpiry on_expiry = OnExpiry::kKeep;
  config::WrittenKeys written;
};

// Keys of metadata as requests carry them: in lower case.
std::vector<std::string> LowerKeys(std::vector<std::string> keys);
// Keys of metadata that keep batches apart: equal ones (in any case) are an error.
void CheckMetadataKeys(const std::vector<std::string>& keys, config::Checker& checker);

const config::Table<RetrySettings>& RetryTable();
const config::Table<QueueConfig>& QueueTable();

QueueSettings Resolve(const config::Section<QueueConfig>& section);

// What an exporter with a network peer squashes into its own config.
struct DeliveryConfig {
  Duration timeout = std::chrono::seconds(5);
  RetrySettings retry_on_failure;
  config::Section<QueueConfig> sending_queue = config::Section<QueueConfig>::On();

  DeliverySettings ToSettings() const;
};
const config::Table<DeliveryConfig>& DeliveryTable();

}  // namespace gapless::sending
