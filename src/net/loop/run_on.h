// RunOn: another worker's work, waited for.
#pragma once

#include "net/loop/worker.h"

namespace gapless::net {

// Runs `task` on `worker` and waits for it. For the control worker only, which no other one ever
// waits for.
void RunOn(Worker& worker, Task task);

}  // namespace gapless::net
