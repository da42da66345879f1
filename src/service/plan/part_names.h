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
std::string Called(const ProcessorPlan& plan);
// "exporter_otlp_a_traces": the name of a durable journal.
std::string JournalName(const QueuePlan& plan);

bool SameConfig(const pipeline::ComponentConfig& a, const pipeline::ComponentConfig& b);

}  // namespace gapless::service
