// `gapless drill`.
#pragma once

#include "cli/commands/admin_client.h"

#include <string>

namespace gapless::cli {

struct DrillOptions {
  std::string endpoint{kDefaultAdmin};
  std::string connector;
  std::string signal;  // empty: all
  std::string outage = "blackhole";
  Duration duration = std::chrono::seconds(30);
  Duration patience = std::chrono::minutes(2);  // for the way back, after the end
};

// Plays an outage of the active level in a running gapless and reports the three things that count:
// data on another backend, no gap, back again. 0 only if all hold.
int DrillCommand(const DrillOptions& options);

}  // namespace gapless::cli
