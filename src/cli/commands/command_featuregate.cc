// `gapless featuregate [id]`: the gates of --feature-gates and what they do here.
#include "cli/commands/commands.h"
#include "cli/config/feature_gates.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::cli {

int FeatureGateCommand(const FeatureGates& gates, const std::string& id) {
  if (!id.empty()) {
    const FeatureGate* gate = gates.Find(id);
    if (gate == nullptr) {
      return Fail(NotFound(fmt::format("feature \"{}\" not found{}", id, gates.Hint(id))));
    }
    fmt::print("Feature: {}\nEnabled: {}\nStage: {}\nDescription: {}\n", gate->id, gate->enabled,
               gate->stage, gate->description);
    return 0;
  }
  size_t width = 0;
  for (const FeatureGate& gate : gates.gates()) {
    width = std::max(width, gate.id.size());
  }
  fmt::print("{:<{}}  Enabled  Stage  Description\n", "ID", width);
  for (const FeatureGate& gate : gates.gates()) {
    fmt::print("{:<{}}  {:<7}  {:<5}  {}\n", gate.id, width, gate.enabled, gate.stage,
               gate.description);
  }
  return 0;
}

}  // namespace gapless::cli
