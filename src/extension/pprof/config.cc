#include "extension/pprof/config.h"

namespace gapless::extension::pprof {
namespace {

void Check(const Config& config, config::Checker& checker) {
  if (config.endpoint.empty()) {
    checker.Fail("endpoint", "requires a non-empty \"endpoint\"");
  }
  if (!config.save_to_file.empty()) {
    checker.Warn("save_to_file",
                 "gapless does not profile itself: nothing is written there. Use `perf record -g "
                 "-p PID`");
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<endpoint::DialerConfig> dialer = {
      Field("timeout", &endpoint::DialerConfig::timeout, "A server dials nobody."),
  };
  static const config::Table<Config> table(
      {
          Field("endpoint", &Config::endpoint, "Address to listen on."),
          Field("allowed_hosts", &Config::allowed_hosts,
                "More names that the Host header may have; \"*\": all."),
          Field("dialer", &Config::dialer, dialer, "A server dials nobody."),
          Field("block_profile_fraction", &Config::block_profile_fraction,
                "Accepted, without effect."),
          Field("mutex_profile_fraction", &Config::mutex_profile_fraction,
                "Accepted, without effect."),
          Field("save_to_file", &Config::save_to_file,
                "Accepted with a warning: there is no CPU profile to save."),
      },
      Check);
  return table;
}

}  // namespace gapless::extension::pprof
