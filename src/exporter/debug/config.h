// Settings of the debug exporter; keys and defaults are upstream's.
#pragma once

#include "config/fields.h"
#include "sending/settings_tables.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gapless::exporter::debug {

enum class Verbosity : uint8_t { kBasic, kNormal, kDetailed };

struct Config {
  Verbosity verbosity = Verbosity::kBasic;
  uint64_t sampling_initial = 2;
  uint64_t sampling_thereafter = 1;
  bool use_internal_logger = true;
  std::vector<std::string> output_paths = {"stdout"};
  config::Section<sending::QueueConfig> sending_queue;  // off
};

const config::Table<Config>& ConfigTable();
// Attempts cannot fail in time: no timeout and no retry.
sending::DeliverySettings ToSettings(const Config& config);

}  // namespace gapless::exporter::debug
