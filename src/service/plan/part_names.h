// How logs and reload reports name the parts of a running collector, and whether a part changed.
#pragma once

#include "service/plan/planner.h"

#include <string>

namespace gapless::service {

// "exporter otlp/a"
std::string Called(Kind kind, const ComponentId& id);
// "queue otlp/a (traces)"
std::string Called(const QueueKey& key);
// "processor filter/a in traces/b"
std::string Called(Kind kind, const ProcessorPlan& plan);
inline const ComponentId& IdOf(const ComponentId& id) { return id; }
inline const ComponentId& IdOf(const ProcessorPlan& plan) { return plan.id; }
// The status with `failed to start "otlp/a" exporter: ` in front.
Status FailedToStart(Kind kind, const ComponentId& id, const Status& status);
// "exporter_otlp_a_traces": the name of a durable journal.
std::string JournalName(const QueuePlan& plan);

bool SameConfig(const pipeline::ComponentConfig& a, const pipeline::ComponentConfig& b);

}  // namespace gapless::service
