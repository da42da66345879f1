// Configuration of the `zpages` extension.
#pragma once

#include "config/fields.h"
#include "endpoint/server.h"

#include <string>
#include <vector>

namespace gapless::extension::zpages {

// Shows Go's variables upstream.
struct Expvar {
  bool enabled = false;
};

struct Config {
  Config() { server.listen.endpoint = "localhost:55679"; }

  endpoint::HttpServerConfig server;
  std::vector<std::string> allowed_hosts;
  Expvar expvar;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::extension::zpages
