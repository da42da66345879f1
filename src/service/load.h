// Load: from `--config` and `--set` to a configuration that is known to be good, with its plan.
#pragma once

#include "config/resolver.h"
#include "service/config.h"
#include "service/planner.h"

#include <string>
#include <vector>

namespace gapless::service {

struct Loaded {
  Config config;
  Plan plan;
  std::vector<config::Issue> warnings;
  std::vector<std::string> files;
};

// Blocks (files, environment). Errors: INVALID_ARGUMENT with every problem on a line of its own,
// worded as upstream wraps them. Nothing is started, no port is taken.
Result<Loaded> Load(const config::ResolveOptions& options, const config::Sources& sources,
                    const Factories& factories);

}  // namespace gapless::service
