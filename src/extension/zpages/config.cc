#include "extension/zpages/config.h"

namespace gapless::extension::zpages {

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<Expvar> expvar = {
      Field("enabled", &Expvar::enabled, "Accepted, without effect: there are no Go variables."),
  };
  static const config::Table<Config> table(
      {
          config::Squash(&Config::server, endpoint::HttpServerTable()),
          Field("allowed_hosts", &Config::allowed_hosts,
                "More names that the Host header may have; \"*\": all."),
          Field("expvar", &Config::expvar, expvar, "Accepted, without effect."),
      },
      [](const Config& config, config::Checker& checker) {
        if (config.server.listen.endpoint.empty()) {
          checker.Fail("endpoint", R"("endpoint" is required when using the "zpages" extension)");
        }
        if (config.expvar.enabled) {
          checker.Warn("expvar",
                       "there is no /debug/expvarz: its variables are those of Go's "
                       "runtime; the metrics tell what gapless has");
        }
      });
  return table;
}

}  // namespace gapless::extension::zpages
