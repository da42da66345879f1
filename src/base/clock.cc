#include "base/clock.h"

namespace gapless {

TimePoint MonotonicNow() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace gapless
