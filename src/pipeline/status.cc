#include "pipeline/status.h"

#include "base/duration_text.h"
#include "telemetry/log.h"

#include <fmt/format.h>

namespace gapless::pipeline {

namespace {

// The last words of the level that is wanted most; empty: none.
std::string LastWords(const QueueStatus& queue) {
  const bool silent = queue.levels.empty() || queue.levels.front().reason.empty();
  return silent ? "" : ": " + queue.levels.front().reason;
}

}  // namespace

std::vector<std::string> Degraded(const ServiceStatus& status, WallTime now) {
  std::vector<std::string> degraded;
  for (const QueueStatus& queue : status.queues) {
    if (queue.leaving || queue.active == 0u) {
      continue;
    }
    const std::string since = FormatDuration(
        queue.active_since + std::chrono::floor<std::chrono::seconds>(now - status.taken));
    const std::string name = fmt::format("{} ({})", queue.owner, otlp::Names(queue.signal).name);
    degraded.push_back(queue.active
                           ? fmt::format("{}: on level {} since {}", name, *queue.active, since)
                           : fmt::format("{}: {} since {}{}", name,
                                         queue.levels.size() > 1 ? "no level is usable"
                                                                 : "the backend is not usable",
                                         since, LastWords(queue)));
  }
  return degraded;
}

}  // namespace gapless::pipeline
