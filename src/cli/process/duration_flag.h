// A flag whose value is a duration as in the configuration ("30s", "1m30s").
#pragma once

#include "base/status.h"

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gapless::cli {

// `out` outlives the parsing.
CLI::Option* AddDuration(CLI::App& app, const std::string& flag, Duration& out,
                         const std::string& help);

}  // namespace gapless::cli
