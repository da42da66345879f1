#include "cli/process/duration_flag.h"

#include "config/units.h"

#include <CLI/CLI.hpp>

namespace gapless::cli {

CLI::Option* AddDuration(CLI::App& app, const std::string& flag, Duration& out,
                         const std::string& help) {
  return app.add_option_function<std::string>(
      flag,
      [&out, flag](const std::string& text) {
        const auto duration = config::ParseDuration(text);
        if (!duration.ok()) {
          throw CLI::ValidationError(flag, duration.status().message());
        }
        out = *duration;
      },
      help);
}

}  // namespace gapless::cli
