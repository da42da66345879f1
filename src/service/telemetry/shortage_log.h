// ShortageLog: says in the log when this process lacks descriptors or memory for connections.
//
// net only counts (net/loop/descriptors.h). Looked at once a second; a lasting shortage is logged
// ever more rarely. One thread.
#pragma once

#include "net/loop/descriptors.h"
#include "telemetry/log.h"

#include <array>
#include <cstdint>

namespace gapless::service {

class ShortageLog {
 public:
  void Look(const telemetry::Logger& log, TimePoint now);

 private:
  telemetry::Sampled lines_{1, std::chrono::minutes(1)};
  std::array<uint64_t, net::kShortages> seen_{};
};

}  // namespace gapless::service
