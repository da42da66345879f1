#include "processor/queuebatch/config.h"

namespace gapless::processor::queuebatch {
namespace {

// What a queue of its own would mean is the business of the journal behind.
void Check(const Config& config, config::Checker& checker) {
  const std::pair<const char*, bool> keys[] = {
      {"storage", config.queue.storage.has_value()},
      {"wait_for_result", config.queue.wait_for_result},
  };
  for (const auto& [key, is_set] : keys) {
    if (is_set) {
      checker.Warn(key, std::string(key) +
                            " has no effect here: the queue is the journal of the exporter or "
                            "failover connector behind; set it in its sending_queue");
    }
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table({config::Squash(&Config::queue, sending::QueueTable())},
                                           Check);
  return table;
}

sending::BatchSettings ToSettings(const Config& config) {
  config::Section<sending::QueueConfig> section = config::Section<sending::QueueConfig>::On();
  section.value = config.queue;
  const auto batch = sending::Resolve(section).batch;
  return batch.value_or(sending::BatchSettings{.flush_timeout = Duration::zero(), .min_size = 0});
}

}  // namespace gapless::processor::queuebatch
