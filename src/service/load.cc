#include "service/load.h"

namespace gapless::service {

Result<Loaded> Load(const config::ResolveOptions& options, const config::Sources& sources,
                    const Factories& factories) {
  if (options.configs.empty()) {
    return InvalidArgument("at least one config flag must be provided");
  }
  auto resolved = config::Resolve(options, sources);
  if (!resolved.ok()) {
    return resolved.status().Annotate("failed to get config: cannot resolve the configuration");
  }
  config::Errors errors;
  Loaded loaded;
  loaded.config = DecodeConfig(resolved->root, factories, errors);
  if (errors.ok()) {
    loaded.plan = MakePlan(loaded.config, factories, errors);
  }
  if (!errors.ok()) {
    return InvalidArgument("invalid configuration:\n" + errors.ToString());
  }
  loaded.warnings = std::move(resolved->warnings);
  loaded.warnings.insert(loaded.warnings.end(), errors.warnings().begin(), errors.warnings().end());
  loaded.files = std::move(resolved->files);
  return loaded;
}

}  // namespace gapless::service
