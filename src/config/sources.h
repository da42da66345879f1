// Sources: the world outside as the resolver sees it, so that resolving can be tested and fuzzed
// without it.
#pragma once

#include "base/status.h"

#include <functional>
#include <optional>
#include <string>

namespace gapless::config {

struct Sources {
  // The whole content of a file; a path relative to the working directory.
  std::function<Result<std::string>(const std::string& path)> read_file;
  // The value of an environment variable; nullopt: unset.
  std::function<std::optional<std::string>(const std::string& name)> get_env;
  // GET of an http:// or https:// URL, only status 200 accepted. Empty: such URIs are an error.
  std::function<Result<std::string>(const std::string& url)> fetch;
};

// Files and environment of this process, no fetch. Blocks; for start-up and reload threads, not for
// workers.
Sources SystemSources();

}  // namespace gapless::config
