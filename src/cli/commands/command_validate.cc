// `gapless validate`: what is wrong with a configuration, and, with --probe, with the world that it
// speaks of.
#include "cli/commands/commands.h"
#include "cli/config/components.h"
#include "cli/config/fetch.h"
#include "cli/config/probe.h"
#include "service/plan/load.h"

#include <cstdio>

#include <fmt/format.h>

namespace gapless::cli {

int ValidateCommand(const RunOptions& options, bool probe) {
  const service::Factories factories = Components();
  const auto loaded = service::Load(options.resolve, Sources(), factories);
  if (!loaded.ok()) {
    return Fail(loaded.status());
  }
  for (const config::Issue& warning : loaded->warnings) {
    fmt::print(stderr, "Warning: {}\n", warning.ToString());
  }
  if (!probe) {
    return 0;
  }
  const std::vector<ProbeResult> results = ProbeExporters(loaded->config, loaded->plan, factories);
  fmt::print("{}", ProbeTable(results));
  const Status status = ProbeStatus(results);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace gapless::cli
