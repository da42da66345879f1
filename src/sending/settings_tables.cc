#include "sending/settings_tables.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

namespace gapless::sending {
namespace {

using config::Checker;
using config::Enum;
using config::Field;
using config::Table;

// Upstream's texts (exporterhelper, configretry).
void CheckElapsed(const RetrySettings& retry, Checker& checker) {
  if (!retry.enabled || retry.max_elapsed_time <= Duration::zero()) {
    return;
  }
  if (retry.max_elapsed_time < retry.initial_interval) {
    checker.Fail("max_elapsed_time", "'max_elapsed_time' must not be less than 'initial_interval'");
  }
  if (retry.max_elapsed_time < retry.max_interval) {
    checker.Fail("max_elapsed_time", "'max_elapsed_time' must not be less than 'max_interval'");
  }
}

void CheckRetry(const RetrySettings& retry, Checker& checker) {
  const std::pair<const char*, bool> negative[] = {
      {"randomization_factor", retry.randomization_factor < 0},
      {"multiplier", retry.multiplier < 0},
      {"initial_interval", retry.initial_interval < Duration::zero()},
      {"max_interval", retry.max_interval < Duration::zero()},
      {"max_elapsed_time", retry.max_elapsed_time < Duration::zero()}};
  for (const auto& [key, is_negative] : negative) {
    if (is_negative) {
      checker.Fail(key, fmt::format("{} value must be greater than or equal to 0", key));
    }
  }
  if (retry.randomization_factor > 1) {
    checker.Fail("randomization_factor",
                 "randomization_factor value must be less than or equal to 1");
  }
  CheckElapsed(retry, checker);
}

void CheckBatch(const QueueConfig::Batch& batch, Checker& checker) {
  if (batch.flush_timeout <= Duration::zero()) {
    checker.Fail("flush_timeout", fmt::format("`flush_timeout` must be positive, found {}",
                                              batch.flush_timeout.count()));
  }
  for (const auto& [key, value] :
       {std::pair("min_size", batch.min_size), std::pair("max_size", batch.max_size)}) {
    if (value < 0) {
      checker.Fail(key, fmt::format("`{}` must be non-negative, found {}", key, value));
    }
  }
  if (batch.max_size > 0 && batch.max_size < batch.min_size) {
    checker.Fail("max_size",
                 fmt::format("`max_size` ({}) must be greater or equal to `min_size` ({})",
                             batch.max_size, batch.min_size));
  }
}

void CheckQueue(const QueueConfig& queue, Checker& checker) {
  if (queue.num_consumers <= 0) {
    checker.Fail("num_consumers", "`num_consumers` must be positive");
  }
  if (queue.queue_size <= 0) {
    checker.Fail("queue_size", "`queue_size` must be positive");
  }
  if (queue.wait_for_result && queue.storage) {
    checker.Fail("wait_for_result",
                 "`wait_for_result` is not supported with a persistent queue configured with "
                 "`storage`");
  }
  if (!queue.batch) {
    return;
  }
  const bool own_sizer = queue.batch->written.IsSet("sizer");
  const Sizer sizer = !own_sizer && queue.written.IsSet("sizer") ? queue.sizer : queue.batch->sizer;
  if (sizer == Sizer::kRequests) {
    checker.Fail("batch", "`batch` supports only `items` or `bytes` sizer, found \"requests\"");
  }
  if (sizer == queue.sizer && queue.batch->min_size > queue.queue_size) {
    checker.Fail("batch", "`min_size` must be less than or equal to `queue_size`");
  }
}

// Of a value that was checked, or of one that is going to be refused.
uint64_t Unsigned(int64_t value) { return static_cast<uint64_t>(std::max<int64_t>(value, 0)); }

config::CodecPtr SizerNames() {
  return Enum<Sizer>(
      {{"requests", Sizer::kRequests}, {"items", Sizer::kItems}, {"bytes", Sizer::kBytes}},
      {.refusal = "invalid sizer:"});
}

void CheckDelivery(const DeliveryConfig& delivery, Checker& checker) {
  if (delivery.timeout < Duration::zero()) {
    checker.Fail("timeout", "'timeout' must be non-negative");
  }
}

}  // namespace

std::vector<std::string> LowerKeys(std::vector<std::string> keys) {
  for (std::string& key : keys) {
    for (char& c : key) {
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return keys;
}

void CheckMetadataKeys(const std::vector<std::string>& keys, Checker& checker) {
  std::set<std::string> seen;
  for (const std::string& key : LowerKeys(keys)) {
    if (!seen.insert(key).second) {
      checker.Fail("metadata_keys",
                   fmt::format("duplicate entry in metadata_keys: \"{}\" (case-insensitive)", key));
    }
  }
}

const Table<RetrySettings>& RetryTable() {
  static const Table<RetrySettings> table(
      {
          Field("enabled", &RetrySettings::enabled, "Try again after a failure."),
          Field("initial_interval", &RetrySettings::initial_interval,
                "Wait before the second attempt."),
          Field("randomization_factor", &RetrySettings::randomization_factor,
                "Each wait is spread by this fraction, 0 to 1."),
          Field("multiplier", &RetrySettings::multiplier, "Growth of the wait."),
          Field("max_interval", &RetrySettings::max_interval, "Longest wait before spreading."),
          Field("max_elapsed_time", &RetrySettings::max_elapsed_time,
                "End of a back-off series; 0: none. The batch is not dropped then: it goes to "
                "another level, or behind the others (sending_queue.on_expiry)."),
      },
      CheckRetry);
  return table;
}

const Table<QueueConfig>& QueueTable() {
  static const Table<QueueConfig::Partition> partition(
      {Field("metadata_keys", &QueueConfig::Partition::metadata_keys,
             "Batches never mix requests that differ in these metadata keys.")},
      [](const QueueConfig::Partition& keys, Checker& checker) {
        CheckMetadataKeys(keys.metadata_keys, checker);
      });
  static const Table<QueueConfig::Batch> batch(
      {
          Field("flush_timeout", &QueueConfig::Batch::flush_timeout,
                "Longest wait for company; the client does not wait for it."),
          Field("min_size", &QueueConfig::Batch::min_size, "Send as soon as there is so much."),
          Field("max_size", &QueueConfig::Batch::max_size, "Cut what is larger; 0: never."),
          Field("sizer", &QueueConfig::Batch::sizer, SizerNames(), "items or bytes."),
          Field("partition", &QueueConfig::Batch::partition, partition,
                "What keeps batches apart."),
          config::Written(&QueueConfig::Batch::written),
      },
      CheckBatch);
  static const Table<QueueConfig> table(
      {
          Field("num_consumers", &QueueConfig::num_consumers,
                "Attempts in flight per exporter and signal."),
          Field("queue_size", &QueueConfig::queue_size, "Pending records, in sizer units."),
          Field("sizer", &QueueConfig::sizer, SizerNames(), "requests, items or bytes."),
          Field("block_on_overflow", &QueueConfig::block_on_overflow,
                "At the limit the client waits instead of getting a retryable error."),
          Field("wait_for_result", &QueueConfig::wait_for_result,
                "The client's OK means that a destination confirmed."),
          Field("storage", &QueueConfig::storage,
                "A storage extension: the queue survives the process."),
          Field("batch", &QueueConfig::batch, batch, "Merge requests on the way out."),
          Field("on_full", &QueueConfig::on_full,
                Enum<OnFull>({{"reject", OnFull::kReject},
                              {"block", OnFull::kBlock},
                              {"drop_oldest", OnFull::kDropOldest}}),
                "What happens at the limit."),
          Field("on_expiry", &QueueConfig::on_expiry,
                Enum<OnExpiry>({{"keep", OnExpiry::kKeep}, {"drop", OnExpiry::kDrop}}),
                "What happens to a batch after max_elapsed_time; upstream drops."),
          config::Written(&QueueConfig::written),
      },
      CheckQueue);
  return table;
}

QueueSettings Resolve(const config::Section<QueueConfig>& section) {
  const QueueConfig& from = section.value;
  QueueSettings settings{.enabled = section.enabled,
                         .num_consumers = static_cast<uint32_t>(std::clamp<int64_t>(
                             from.num_consumers, 0, std::numeric_limits<uint32_t>::max())),
                         .queue_size = Unsigned(from.queue_size),
                         .sizer = from.sizer,
                         .block_on_overflow = from.block_on_overflow,
                         .wait_for_result = from.wait_for_result,
                         .storage = from.storage,
                         .on_full = from.block_on_overflow ? OnFull::kBlock : from.on_full,
                         .on_expiry = from.on_expiry};
  if (from.batch) {
    // An explicit sizer of the queue holds for the batch as well, unless the batch has its own.
    const bool inherits = from.written.IsSet("sizer") && !from.batch->written.IsSet("sizer");
    settings.batch = BatchSettings{.flush_timeout = from.batch->flush_timeout,
                                   .min_size = Unsigned(from.batch->min_size),
                                   .max_size = Unsigned(from.batch->max_size),
                                   .sizer = inherits ? from.sizer : from.batch->sizer,
                                   .metadata_keys = LowerKeys(from.batch->partition.metadata_keys)};
  }
  return settings;
}

DeliverySettings DeliveryConfig::ToSettings() const {
  return {.timeout = timeout, .retry = retry_on_failure, .queue = Resolve(sending_queue)};
}

const Table<DeliveryConfig>& DeliveryTable() {
  static const Table<DeliveryConfig> table(
      {
          Field("timeout", &DeliveryConfig::timeout, "Time for one attempt; 0: no limit."),
          Field("retry_on_failure", &DeliveryConfig::retry_on_failure, RetryTable(),
                "Back-off between attempts."),
          Field("sending_queue", &DeliveryConfig::sending_queue, QueueTable(),
                "The journal in front of this exporter."),
      },
      CheckDelivery);
  return table;
}

}  // namespace gapless::sending
