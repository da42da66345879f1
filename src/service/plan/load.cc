#include "service/plan/load.h"

#include <fmt/format.h>

namespace gapless::service {
namespace {

// Upstream's words in front of the problems of each stage.
constexpr std::pair<config::Stage, std::string_view> kStages[] = {
    {config::Stage::kDecode,
     "failed to get config: cannot unmarshal the configuration: decoding failed due to the "
     "following error(s):"},
    {config::Stage::kValidate, "invalid configuration:"},
    {config::Stage::kBuild, "failed to build pipelines:"},
};

}  // namespace

std::string Report(const config::Errors& errors) {
  std::string text;
  for (const auto& [stage, words] : kStages) {
    std::string lines;
    for (const config::Issue& issue : errors.errors()) {
      if (issue.stage == stage) {
        lines += "\n" + issue.ToString();
      }
    }
    if (!lines.empty()) {
      text += (text.empty() ? "" : "\n") + std::string(words) + lines;
    }
  }
  if (errors.left_out() > 0) {
    text += fmt::format("\n… and {} more", errors.left_out());
  }
  return text;
}

Result<config::Resolved> ResolveConfig(const config::ResolveOptions& options,
                                       const config::Sources& sources) {
  if (options.configs.empty()) {
    return InvalidArgument("at least one config flag must be provided");
  }
  auto resolved = config::Resolve(options, sources);
  if (!resolved.ok()) {
    return resolved.status().Annotate("failed to get config: cannot resolve the configuration");
  }
  return resolved;
}

Result<Loaded> Load(const config::ResolveOptions& options, const config::Sources& sources,
                    const Factories& factories) {
  ASSIGN_OR_RETURN(config::Resolved resolved, ResolveConfig(options, sources));
  config::Errors errors;
  Loaded loaded;
  loaded.config = DecodeConfig(resolved.root, factories, errors);
  if (errors.ok()) {
    loaded.plan = MakePlan(loaded.config, factories, errors);
  }
  if (!errors.ok()) {
    return InvalidArgument(Report(errors));
  }
  loaded.warnings = std::move(resolved.warnings);
  loaded.warnings.insert(loaded.warnings.end(), errors.warnings().begin(), errors.warnings().end());
  loaded.files = std::move(resolved.files);
  return loaded;
}

}  // namespace gapless::service
