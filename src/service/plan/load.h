// Load: from `--config` and `--set` to a configuration that is known to be good, with its plan.
#pragma once

#include "config/resolver.h"
#include "service/config/config.h"
#include "service/plan/planner.h"

#include <string>
#include <vector>

namespace gapless::service {

struct Loaded {
  Config config;
  Plan plan;
  std::vector<config::Issue> warnings;
  std::vector<std::string> files;
};

// Resolves what `--config` and `--set` name. Blocks (files, URLs). Errors: INVALID_ARGUMENT or the
// source's own code, in upstream's words.
Result<config::Resolved> ResolveConfig(const config::ResolveOptions& options,
                                       const config::Sources& sources);

// Every problem on a line of its own ("file:line:column: path: …"), grouped under upstream's words
// for the stage ("invalid configuration:").
std::string Report(const config::Errors& errors);

// Resolve, decode, validate and plan. Errors: those of ResolveConfig, or INVALID_ARGUMENT with
// Report(). Nothing is started, no port is taken.
Result<Loaded> Load(const config::ResolveOptions& options, const config::Sources& sources,
                    const Factories& factories);

}  // namespace gapless::service
