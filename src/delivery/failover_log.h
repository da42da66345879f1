// The log lines that tell of levels: one goes down, one returns, new data goes to another one.
#pragma once

#include "delivery/queue_options.h"
#include "delivery/router.h"
#include "journal/journal.h"
#include "telemetry/log.h"

namespace gapless::delivery {

void LogTransition(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const RouterAction& action);
// `pending`: what waits for the level that is active now.
void LogActivation(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const RouterAction& action, const journal::Amount& pending);

}  // namespace gapless::delivery
