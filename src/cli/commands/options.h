// Command line: what otelcol takes, and what is ours (--pid-file, --shutdown-timeout, demo, sink,
// send).
#pragma once

#include "base/status.h"
#include "config/resolver.h"

#include <functional>
#include <string>
#include <vector>

namespace gapless::cli {

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kCommand = "gapless";

struct RunOptions {
  config::ResolveOptions resolve;
  std::vector<std::string> feature_gates;
  std::string pid_file;
  Duration shutdown_timeout = std::chrono::seconds(25);
  size_t workers = 0;  // 0: one per processor
  bool watch = false;  // reload when a configuration file changes
};

// Parses and carries out one command; gives the exit status of the process.
int Main(int argc, char** argv);

}  // namespace gapless::cli
