// Probes: whether the destinations of a configuration answer, asked once, from here.
#pragma once

#include "cli/config/probe_verdict.h"
#include "service/config/config.h"
#include "service/plan/planner.h"

#include <string>
#include <vector>

namespace gapless::cli {

struct ProbeResult {
  std::string exporter;
  std::string signal;
  std::string endpoint;  // as configured; empty: the exporter has none
  sending::Transport::Form form;
  bool skipped = false;  // `verdict.says` tells why
  ProbeVerdict verdict;
  Duration time{};  // until the first answer

  bool failed() const { return !skipped && verdict.kind == ProbeVerdict::Kind::kFailed; }
};

// Every exporter that a pipeline leads to, per signal: resolves, connects and sends empty exports,
// each for at most `timeout`: a plain one; one as configured; and, where the plain one is refused,
// one in the other encoding. All exporters at once. Exporters without an endpoint (files, consoles)
// are skipped: to ask them is to write. Blocks; runs a worker on the calling thread.
std::vector<ProbeResult> ProbeExporters(const service::Config& config, const service::Plan& plan,
                                        const service::Factories& factories,
                                        Duration timeout = std::chrono::seconds(5));

// A line per result under a head, and what an empty export cannot prove.
std::string ProbeTable(const std::vector<ProbeResult>& results);
// OK, or what the command ends with.
Status ProbeStatus(const std::vector<ProbeResult>& results);

}  // namespace gapless::cli
