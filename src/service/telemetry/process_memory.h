// ProcessMemory: what the process may hold of what its clients sent, as configured; its metrics;
// and what the allocator does not need, given back to the system every now and then.
//
// Control worker; the limit itself is thread-safe.
#pragma once

#include "base/memory_limit.h"
#include "net/loop/worker.h"
#include "service/config/limits_config.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <memory>
#include <vector>

namespace gapless::service {

class ProcessMemory {
 public:
  explicit ProcessMemory(telemetry::Registry& registry);

  const std::shared_ptr<MemoryLimit>& limit() const { return limit_; }
  // Says in the log what the limit is, if it changes.
  void Configure(const LimitsConfig& config, const telemetry::Logger& log);
  void Watch(net::Worker& control);
  void End() { timer_.Cancel(); }

 private:
  const std::shared_ptr<MemoryLimit> limit_;
  std::vector<telemetry::Callback> metrics_;
  Timer timer_;
};

}  // namespace gapless::service
