// Configuration of the `pprof` extension.
#pragma once

#include "config/fields.h"
#include "endpoint/server.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gapless::extension::pprof {

struct Config {
  std::string endpoint = "localhost:1777";
  std::vector<std::string> allowed_hosts;
  endpoint::DialerConfig dialer;
  // Of Go's profiler; read, without effect.
  int64_t block_profile_fraction = 0;
  int64_t mutex_profile_fraction = 0;
  std::string save_to_file;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::extension::pprof
