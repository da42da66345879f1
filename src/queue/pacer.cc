#include "queue/pacer.h"

#include <algorithm>

namespace gapless::queue {

void Pacer::Spend(uint64_t bytes, TimePoint now) {
  if (rate_ == 0) {
    return;
  }
  const std::chrono::duration<double> pause(static_cast<double>(bytes) /
                                            static_cast<double>(rate_));
  next_ = std::max(next_, now) + std::chrono::duration_cast<Duration>(pause);
}

}  // namespace gapless::queue
