// Configuration of the `queuebatch` processor.
#pragma once

#include "config/fields.h"
#include "sending/settings_tables.h"

namespace gapless::processor::queuebatch {

// The keys of sending_queue, with upstream's defaults for this processor.
struct Config {
  Config() {
    queue.num_consumers = 1;
    queue.queue_size = 10;
    queue.block_on_overflow = true;
    queue.batch.enabled = true;
  }

  sending::QueueConfig queue;
};

const config::Table<Config>& ConfigTable();
sending::BatchSettings ToSettings(const Config& config);

}  // namespace gapless::processor::queuebatch
