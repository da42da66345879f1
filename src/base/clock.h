// The monotonic clock, for the few places that have no Loop to ask.
#pragma once

#include "base/loop.h"

namespace gapless {

// Any thread.
TimePoint MonotonicNow();

}  // namespace gapless
