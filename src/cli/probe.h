// Probes: whether the destinations of a configuration answer, asked once, from here.
#pragma once

#include "service/config.h"
#include "service/planner.h"

#include <string>
#include <vector>

namespace gapless::cli {

struct ProbeResult {
  enum class Verdict : uint8_t { kOk, kFailed, kSkipped };

  std::string exporter;
  std::string signal;
  std::string endpoint;  // as configured; empty: the exporter has none
  Verdict verdict = Verdict::kFailed;
  Duration time{};
  std::string detail;  // why not; for kOk a warning of the peer
};

// Every exporter that a pipeline leads to, per signal: resolves, connects and sends an empty
// export, all at once, each for at most `timeout`. Exporters without an endpoint (files, consoles)
// are skipped: to ask them is to write. Blocks; runs a worker on the calling thread.
std::vector<ProbeResult> ProbeExporters(const service::Config& config, const service::Plan& plan,
                                        const service::Factories& factories,
                                        Duration timeout = std::chrono::seconds(5));

// A line per result under a head.
std::string ProbeTable(const std::vector<ProbeResult>& results);

}  // namespace gapless::cli
