// otelcol_process_*: what the Collector tells about its own process, read from /proc and the
// allocator at scrape.
#pragma once

#include "base/loop.h"
#include "telemetry/metrics.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace gapless::telemetry {

// Seconds of user and system time of this process; 0 if /proc cannot be read.
double ProcessCpuSeconds();
// Resident bytes of this process; 0 if /proc cannot be read.
double ProcessResidentBytes();

// Registers the metrics for as long as it lives. `start` is when the process began its work; `now`
// tells the present on any thread.
class ProcessMetrics {
 public:
  ProcessMetrics(Registry& registry, TimePoint start, TimePoint (*now)());

 private:
  std::vector<Callback> callbacks_;
};

}  // namespace gapless::telemetry
