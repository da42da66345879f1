// `gapless migrate FILE`: what a Collector's configuration means here, line by line.
#include "cli/commands/commands.h"
#include "cli/config/components.h"
#include "cli/config/fetch.h"
#include "cli/config/migrate.h"
#include "service/plan/load.h"

#include <fmt/format.h>

namespace gapless::cli {

int MigrateCommand(const std::vector<std::string>& files) {
  const config::ResolveOptions options{.configs = files, .sets = {}};
  const auto resolved = service::ResolveConfig(options, Sources());
  if (!resolved.ok()) {
    return Fail(resolved.status());
  }
  const Migration migration = Migrate(*resolved, Components());
  fmt::print("{}", migration.ToText());
  return migration.missing() == 0 ? 0 : 1;
}

}  // namespace gapless::cli
