// What every part of a queue works with. Owned by the queue, and outlives its parts.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "queue/queue_options.h"
#include "queue/queue_stats.h"
#include "telemetry/log.h"

namespace gapless::queue {

struct QueueContext {
  Loop& home;
  journal::Journal& journal;
  const SendingQueueOptions& options;  // changes in Reconfigure
  const telemetry::Logger& log;
  QueueStats& stats;
};

}  // namespace gapless::queue
