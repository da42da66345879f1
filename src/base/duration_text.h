// Durations as Go prints them. Pure; any thread.
#pragma once

#include "base/status.h"

#include <string>

namespace gapless {

// "1h2m3.5s", "250ms", "1.5µs", "0s": Go's time.Duration.String.
std::string FormatDuration(Duration duration);

}  // namespace gapless
