// Configuration from the network: what `--config https://…` and `${https://…}` read.
#pragma once

#include "base/mutex.h"
#include "base/status.h"
#include "config/resolver.h"
#include "config/sources.h"

#include <map>
#include <string>

namespace gapless::cli {

struct FetchLimits {
  Duration timeout = std::chrono::seconds(10);  // for everything, redirects included
  size_t bytes = size_t{8} << 20;
  int redirects = 5;
};

// GET of an http or https URL (system roots, proxies of the environment); only status 200 counts.
// Blocks; works on a thread of its own, so that it may be called from a worker.
Result<std::string> Fetch(const std::string& url, const FetchLimits& limits = {});

// Files, environment and URLs as this process sees them.
config::Sources Sources();

// Sources of a process that runs: a worker that carries data must not wait for a web server, so
// what a reload needs from the network is brought before it begins. Thread-safe; outlives its
// sources.
class WebSources {
 public:
  config::Sources sources();
  // Whether the configuration came from the network, in part at least.
  bool used() const;
  // Fetches what these options read; until Forget, loads take it from here. Blocks.
  void Bring(const config::ResolveOptions& options);
  void Forget();

 private:
  Result<std::string> Get(const std::string& url);

  mutable Mutex mutex_;
  bool used_ GAPLESS_GUARDED_BY(mutex_) = false;
  std::map<std::string, Result<std::string>> brought_ GAPLESS_GUARDED_BY(mutex_);
};

}  // namespace gapless::cli
