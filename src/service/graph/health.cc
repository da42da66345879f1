#include "service/graph/health.h"

namespace gapless::service {

void Health::SetReady(bool ready, WallTime now) {
  if (ready) {
    up_since_ = now.time_since_epoch().count();
  }
  ready_ = ready;
}

}  // namespace gapless::service
