// `gapless print-config`: the configuration as it takes effect.
#include "cli/commands/commands.h"
#include "cli/config/components.h"
#include "cli/config/fetch.h"
#include "cli/config/print_config.h"
#include "config/yaml.h"
#include "service/plan/load.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

// Only what cannot be read is an error; no plan, hence no notes.
Result<service::Loaded> LoadUnchecked(const config::ResolveOptions& options,
                                      const service::Factories& factories) {
  ASSIGN_OR_RETURN(const config::Resolved resolved, service::ResolveConfig(options, Sources()));
  config::Errors errors;
  service::Loaded loaded;
  loaded.config = service::DecodeConfig(resolved.root, factories, errors);
  const auto undecoded =
      std::ranges::count(errors.errors(), config::Stage::kDecode, &config::Issue::stage);
  return undecoded == 0 ? Result<service::Loaded>(std::move(loaded))
                        : InvalidArgument(service::Report(errors));
}

}  // namespace

int PrintConfigCommand(const RunOptions& options, const PrintOptions& print) {
  const service::Factories factories = Components();
  const auto loaded = print.validate ? service::Load(options.resolve, Sources(), factories)
                                     : LoadUnchecked(options.resolve, factories);
  if (!loaded.ok()) {
    return Fail(loaded.status());
  }
  const auto secrets = print.redacted ? config::Secrets::kRedacted : config::Secrets::kRevealed;
  const config::Node root = PrintConfig(loaded->config, factories, loaded->plan.notes, secrets);
  fmt::print("{}", print.json ? config::ToJson(root) + "\n" : config::ToYaml(root));
  return 0;
}

}  // namespace gapless::cli
