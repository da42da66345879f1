#include "io/background.h"

#include <sys/resource.h>

namespace gapless::io {

void Background::StepBack() {
  // Of this thread alone, and of those that it begins (sched(7)). It may fail: then it is as
  // important as others.
  const int ignored = ::setpriority(PRIO_PROCESS, 0, kNiceness);
  static_cast<void>(ignored);
}

}  // namespace gapless::io
