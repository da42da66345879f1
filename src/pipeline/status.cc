#include "pipeline/status.h"

#include "base/duration_text.h"
#include "telemetry/log.h"

#include <fmt/format.h>

namespace gapless::pipeline {

std::vector<std::string> Degraded(const ServiceStatus& status, WallTime now) {
  std::vector<std::string> degraded;
  for (const QueueStatus& queue : status.queues) {
    if (queue.leaving || queue.levels.size() < 2 || queue.active == 0u) {
      continue;
    }
    const std::string since = FormatDuration(
        queue.active_since + std::chrono::floor<std::chrono::seconds>(now - status.taken));
    const std::string name = fmt::format("{} ({})", queue.owner, otlp::Names(queue.signal).name);
    degraded.push_back(queue.active
                           ? fmt::format("{}: on level {} since {}", name, *queue.active, since)
                           : fmt::format("{}: no level is usable since {}", name, since));
  }
  return degraded;
}

}  // namespace gapless::pipeline
