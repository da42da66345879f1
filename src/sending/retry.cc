#include "sending/retry.h"

#include <algorithm>

namespace gapless::sending {

std::optional<Duration> RetrySchedule::Next(TimePoint now, std::optional<Duration> peer_delay,
                                            Rng& rng) {
  if (!settings_.enabled) {
    return std::nullopt;
  }
  const double spread = settings_.randomization_factor * (2 * rng.Uniform() - 1);
  auto delay =
      Duration(static_cast<int64_t>(static_cast<double>(interval_.count()) * (1 + spread)));
  const double grown = static_cast<double>(interval_.count()) * settings_.multiplier;
  const double cap = static_cast<double>(settings_.max_interval.count());
  interval_ = Duration(static_cast<int64_t>(std::min(grown, cap)));
  delay = std::max(delay, peer_delay.value_or(Duration::zero()));
  if (settings_.max_elapsed_time > Duration::zero() &&
      now + delay - start_ > settings_.max_elapsed_time) {
    return std::nullopt;
  }
  return delay;
}

}  // namespace gapless::sending
