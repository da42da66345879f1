// What an operator wishes, carried out on the running queues. Control worker.
#pragma once

#include "service/graph/operator.h"
#include "service/graph/queue_set.h"

namespace gapless::service {

// Of a failover connector. `done` is called on the control worker, for a probe once its
// destinations answered. Errors: NOT_FOUND (no such connector), INVALID_ARGUMENT (no such level).
void Operate(const GraphContext& context, const QueueSet& queues, const Senders& senders,
             const OperatorWish& wish,
             std::move_only_function<void(const Result<OperatorAnswer>&)> done);

// At once; what is sent follows behind live data. Errors: NOT_FOUND (no such exporter).
Result<ReplayAnswer> Replay(const GraphContext& context, const QueueSet& queues,
                            const ReplayWish& wish);

}  // namespace gapless::service
