// The sub-commands that operate a running gapless through its admin API: failover, drill, replay,
// reload.
#pragma once

#include "cli/commands/admin_client.h"
#include "cli/commands/command_drill.h"

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace gapless::cli {

class FailoverCommands {
 public:
  // Adds them to `app`, which must outlive this.
  explicit FailoverCommands(CLI::App& app);
  FailoverCommands(const FailoverCommands&) = delete;
  FailoverCommands& operator=(const FailoverCommands&) = delete;

  // Carries out the one that was given and gives the exit status; nullopt: it was none of these.
  std::optional<int> Run() const;

 private:
  void AddDrill();
  void AddReplay();

  CLI::App& app_;
  CLI::App* failover_ = nullptr;
  DrillOptions drill_;
  std::string to_;
  Duration since_{};
  std::string endpoint_{kDefaultAdmin};
  std::string connector_;
  std::string level_;
  std::string signal_;
};

}  // namespace gapless::cli
