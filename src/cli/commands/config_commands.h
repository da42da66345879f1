// The sub-commands about configurations and about gapless itself, as the command line knows them:
// validate, components, print-config, featuregate, migrate, completion.
#pragma once

#include "cli/commands/commands.h"
#include "cli/config/feature_gates.h"

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace gapless::cli {

class ConfigCommands {
 public:
  // Adds them to `app`, which must outlive this.
  explicit ConfigCommands(CLI::App& app);
  ConfigCommands(const ConfigCommands&) = delete;
  ConfigCommands& operator=(const ConfigCommands&) = delete;

  // Carries out the one that was given and gives the exit status; nullopt: it was none of these.
  std::optional<int> Run(const RunOptions& options, const FeatureGates& gates) const;

 private:
  CLI::App& app_;
  bool probe_ = false;
  bool validate_ = true;
  std::string mode_ = "redacted";
  std::string format_ = "yaml";
  std::string gate_;
  std::string shell_;
  std::vector<std::string> files_;
};

}  // namespace gapless::cli
