// Gauge: decides from one measurement after the other whether data is refused and when freed memory
// is given back to the system. Pure; one thread.
#pragma once

#include "base/loop.h"
#include "processor/memory_limiter/config.h"

#include <cstdint>
#include <optional>

namespace gapless::processor::memory_limiter {

class Gauge {
 public:
  Gauge(const Config& config, Limits limits) : config_(config), limits_(limits) {}

  enum class Level : uint8_t { kFine, kSoft, kHard };
  Level LevelOf(uint64_t used) const {
    return used >= limits_.hard ? Level::kHard
                                : (used >= limits_.soft ? Level::kSoft : Level::kFine);
  }

  // Whether to trim now: above a limit, and the interval since the last time has passed.
  bool WantsTrim(uint64_t used, TimePoint now) const;
  // After a trim, with what is used then. While trims do not bring it below the soft limit they
  // become rarer.
  void Trimmed(uint64_t used, TimePoint now);

  enum class Change : uint8_t { kNone, kRefuse, kResume };
  // The verdict of a check, after trimming if there was any.
  Change Decide(uint64_t used);
  bool refusing() const { return refusing_; }
  const Limits& limits() const { return limits_; }

 private:
  const Config config_;
  const Limits limits_;
  bool refusing_ = false;
  std::optional<TimePoint> last_trim_;
  // Grows from the least interval while trims do not help.
  Duration backoff_{};
};

}  // namespace gapless::processor::memory_limiter
