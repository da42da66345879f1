// A point in time as people type it. Pure.
#pragma once

#include "base/loop.h"
#include "base/status.h"

#include <string_view>

namespace gapless::cli {

// RFC 3339 ("2026-03-01T09:30:00Z"), or how long ago ("90m", "2h30m").
Result<WallTime> ParseMoment(std::string_view text, WallTime now);

}  // namespace gapless::cli
