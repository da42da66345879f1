#include "cli/process/moment.h"

#include "base/rfc3339.h"
#include "config/units.h"

#include <fmt/format.h>

namespace gapless::cli {

Result<WallTime> ParseMoment(std::string_view text, WallTime now) {
  if (const auto time = ParseRfc3339(text); time.ok()) {
    return *time;
  }
  const auto ago = config::ParseDuration(text);
  if (ago.ok() && *ago >= Duration::zero()) {
    return now - *ago;
  }
  return InvalidArgument(fmt::format(
      "\"{}\" is neither a time (2026-03-01T09:30:00Z) nor how long ago (90m, 2h30m)", text));
}

}  // namespace gapless::cli
