// RFC 3339 timestamps, UTC or with an offset. Pure; any thread.
#pragma once

#include "base/loop.h"
#include "base/status.h"

#include <string>
#include <string_view>

namespace gapless {

// "2026-03-01T09:30:00.125Z": UTC, milliseconds, cut off.
std::string FormatRfc3339(WallTime time);

// Date and time with 'T', 't' or a space between them, a fraction of up to nine digits, and 'Z' or
// an offset; years 1970 to 2261 (what nanoseconds since 1970 hold). A leap second counts as the
// second before. Errors: INVALID_ARGUMENT.
Result<WallTime> ParseRfc3339(std::string_view text);

}  // namespace gapless
