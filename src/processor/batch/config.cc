#include "processor/batch/config.h"

#include "sending/settings_tables.h"

namespace gapless::processor::batch {
namespace {

void Check(const Config& config, config::Checker& checker) {
  if (config.timeout < Duration::zero()) {
    checker.Fail("timeout", "timeout must be greater or equal to 0");
  }
  if (config.send_batch_max_size > 0 && config.send_batch_max_size < config.send_batch_size) {
    checker.Fail("send_batch_max_size",
                 "send_batch_max_size must be greater or equal to send_batch_size");
  }
  sending::CheckMetadataKeys(config.metadata_keys, checker);
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<Config> table(
      {
          Field("send_batch_size", &Config::send_batch_size,
                "Send as soon as there are so many items; 0: as they come."),
          Field("timeout", &Config::timeout,
                "Longest wait for company; the client does not wait for it. 0: none."),
          Field("send_batch_max_size", &Config::send_batch_max_size,
                "Cut what is larger; 0: never."),
          Field("metadata_keys", &Config::metadata_keys,
                "Batches never mix requests that differ in these metadata keys."),
          Field("metadata_cardinality_limit", &Config::metadata_cardinality_limit,
                "How many different values of these may wait at once; more are refused. 0: any "
                "number."),
      },
      Check);
  return table;
}

sending::BatchSettings ToSettings(const Config& config) {
  sending::BatchSettings settings{.flush_timeout = config.timeout,
                                  .min_size = config.send_batch_size,
                                  .max_size = config.send_batch_max_size};
  if (config.timeout == Duration::zero()) {
    settings.min_size = 0;  // upstream: forwarded at once, the size is ignored
  }
  settings.metadata_keys = sending::LowerKeys(config.metadata_keys);
  settings.groups_max = config.metadata_keys.empty() ? 0 : config.metadata_cardinality_limit;
  return settings;
}

}  // namespace gapless::processor::batch
