#include "sending/delivery.h"

#include <algorithm>

namespace gapless::sending {
namespace {

constexpr Duration kQuickRetry = std::chrono::milliseconds(500);

}  // namespace

Delivery::Timeout Delivery::AttemptTimeout(Duration configured) const {
  const bool is_share = request.share > Duration::zero() &&
                        (configured == Duration::zero() || request.share < configured);
  return {.after = is_share ? request.share : configured, .is_share = is_share};
}

std::optional<Duration> Delivery::NextPause(const AttemptResult& result, TimePoint now, Rng& rng) {
  std::optional<Duration> pause;
  if (result.outcome == OutcomeClass::kThrottled) {
    pause = back_off ? std::optional(result.pause) : std::nullopt;
  } else {
    pause = schedule.Next(now, result.status.retry_after(), rng);
    if (pause && request.quick_retries > 0 && result.status.origin() == Origin::kPeer) {
      --request.quick_retries;
      pause = std::min(*pause, kQuickRetry);
    }
  }
  const bool too_late = pause && request.deadline && now + *pause >= *request.deadline;
  return request.once || too_late ? std::nullopt : pause;
}

}  // namespace gapless::sending
