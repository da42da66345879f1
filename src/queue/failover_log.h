// The log lines that tell of levels: one goes down, one returns, new data goes to another one.
#pragma once

#include "journal/journal.h"
#include "queue/queue_options.h"
#include "routing/router.h"
#include "telemetry/log.h"

namespace gapless::queue {

void LogTransition(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const routing::RouterAction& action);
// `pending`: what waits for the level that is active now.
void LogActivation(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const routing::RouterAction& action, const journal::Amount& pending);

}  // namespace gapless::queue
