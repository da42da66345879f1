#include "processor/queuebatch/config.h"

namespace gapless::processor::queuebatch {
namespace {

// What a queue of its own would mean is the business of the journal behind.
void Check(const Config& config, config::Checker& checker) {
  for (const char* key : {"storage", "wait_for_result"}) {
    if (config.queue.written.IsSet(key)) {
      checker.Warn(key, std::string(key) +
                            " has no effect here: the queue is the journal of the exporter or "
                            "failover connector behind; set it in its sending_queue");
    }
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table({config::Squash(&Config::queue, delivery::QueueTable())},
                                           Check);
  return table;
}

delivery::BatchSettings ToSettings(const Config& config) {
  config::Section<delivery::QueueConfig> section = config::Section<delivery::QueueConfig>::On();
  section.value = config.queue;
  const auto batch = delivery::Resolve(section).batch;
  return batch.value_or(delivery::BatchSettings{.flush_timeout = Duration::zero(), .min_size = 0});
}

}  // namespace gapless::processor::queuebatch
