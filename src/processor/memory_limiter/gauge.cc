#include "processor/memory_limiter/gauge.h"

#include <algorithm>

namespace gapless::processor::memory_limiter {

bool Gauge::WantsTrim(uint64_t used, TimePoint now) const {
  const Level level = LevelOf(used);
  if (level == Level::kFine) {
    return false;
  }
  const bool hard = level == Level::kHard;
  const Duration least =
      hard ? config_.min_gc_interval_when_hard_limited : config_.min_gc_interval_when_soft_limited;
  const Duration most =
      hard ? config_.max_gc_interval_when_hard_limited : config_.max_gc_interval_when_soft_limited;
  return !last_trim_ || now - *last_trim_ >= std::clamp(backoff_, least, std::max(least, most));
}

void Gauge::Trimmed(uint64_t used, TimePoint now) {
  last_trim_ = now;
  backoff_ = LevelOf(used) == Level::kFine
                 ? Duration::zero()
                 : std::min(std::max(backoff_ * 2, config_.check_interval),
                            std::max(config_.max_gc_interval_when_soft_limited,
                                     config_.max_gc_interval_when_hard_limited));
}

Gauge::Change Gauge::Decide(uint64_t used) {
  const bool refuse = LevelOf(used) != Level::kFine;
  if (refuse == refusing_) {
    return Change::kNone;
  }
  refusing_ = refuse;
  return refuse ? Change::kRefuse : Change::kResume;
}

}  // namespace gapless::processor::memory_limiter
