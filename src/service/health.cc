#include "service/health.h"

namespace gapless::service {

void Health::SetReady(bool ready, WallTime now) {
  if (ready) {
    up_since_ = now.time_since_epoch().count();
  }
  ready_ = ready;
}

void Health::SetDegraded(std::vector<std::string> degraded) {
  degraded_.Set(std::make_shared<const std::vector<std::string>>(std::move(degraded)));
}

std::vector<std::string> Health::degraded() const {
  const auto degraded = degraded_.Get();
  return degraded ? *degraded : std::vector<std::string>();
}

}  // namespace gapless::service
