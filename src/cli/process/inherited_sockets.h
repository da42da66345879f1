// Sockets from the process that started this one: the protocol of sd_listen_fds(3), as systemd and
// systemd-socket-activate speak it.
#pragma once

#include "base/status.h"
#include "net/loop/fd.h"

#include <vector>

namespace gapless::cli {

// The descriptors that LISTEN_FDS counts, from 3 on, if LISTEN_PID is this process; each is closed
// on exec. Removes the variables, so that children do not take them for theirs. Once, before
// anything else opens descriptors. INVALID_ARGUMENT if a variable is no number.
Result<std::vector<net::Fd>> TakeInheritedSockets();

}  // namespace gapless::cli
