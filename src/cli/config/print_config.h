// A configuration as `print-config` shows it.
#pragma once

#include "config/codec.h"
#include "config/node.h"
#include "service/config/config.h"

#include <string>
#include <vector>

namespace gapless::cli {

// Every component with all its keys, those that were not written with their defaults, as one tree
// that reads back as the same configuration (hence without the keys of a failover's queue that are
// taken from its levels). `notes` of the planner ("failover (traces): …") become
// comments above the component that they speak of. Pure.
config::Node PrintConfig(const service::Config& config, const service::Factories& factories,
                         const std::vector<std::string>& notes, config::Secrets secrets);

}  // namespace gapless::cli
