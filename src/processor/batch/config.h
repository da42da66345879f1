// Configuration of the `batch` processor.
#pragma once

#include "config/fields.h"
#include "sending/settings.h"

#include <string>
#include <vector>

namespace gapless::processor::batch {

struct Config {
  uint64_t send_batch_size = 8192;
  Duration timeout = std::chrono::milliseconds(200);
  uint64_t send_batch_max_size = 0;
  std::vector<std::string> metadata_keys;
  uint64_t metadata_cardinality_limit = 1000;
};

const config::Table<Config>& ConfigTable();
sending::BatchSettings ToSettings(const Config& config);

}  // namespace gapless::processor::batch
