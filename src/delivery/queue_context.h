// What every part of a queue works with. Owned by the queue, and outlives its parts.
#pragma once

#include "base/loop.h"
#include "delivery/queue_options.h"
#include "delivery/queue_stats.h"
#include "journal/journal.h"
#include "telemetry/log.h"

namespace gapless::delivery {

struct QueueContext {
  Loop& home;
  journal::Journal& journal;
  const SendingQueueOptions& options;  // changes in Reconfigure
  const telemetry::Logger& log;
  QueueStats& stats;
};

}  // namespace gapless::delivery
