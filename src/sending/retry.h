// Retry schedule: how long to wait before the next attempt. Pure; the caller brings time and
// randomness.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "sending/settings.h"

#include <optional>

namespace gapless::sending {

// One back-off series of one unit at one sender. Upstream's rules: delay = interval x (1 ±
// randomization_factor); the interval grows by `multiplier` up to max_interval; a peer's delay is a
// lower bound; the series ends when the next attempt would come later than max_elapsed_time after
// its start.
class RetrySchedule {
 public:
  RetrySchedule(const RetrySettings& settings, TimePoint start)
      : settings_(settings), start_(start), interval_(settings.initial_interval) {}

  // The delay before the next attempt, or none: the series is over.
  std::optional<Duration> Next(TimePoint now, std::optional<Duration> peer_delay, Rng& rng);

 private:
  RetrySettings settings_;
  TimePoint start_;
  Duration interval_;
};

}  // namespace gapless::sending
