// Component: what the life of every receiver, processor, exporter, connector and extension looks
// like.
#pragma once

#include "base/component_id.h"
#include "base/memory_limit.h"
#include "base/status.h"
#include "net/loop/worker.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <functional>
#include <memory>
#include <vector>

namespace gapless::pipeline {

// What a factory hands to a new component. Everything outlives the component.
struct Settings {
  ComponentId id;
  telemetry::Logger log;  // carries the component's fields
  telemetry::Registry& metrics;
  // The workers, at least one. The first is the control worker: Start and Shutdown run there.
  const std::vector<net::Worker*>& workers;
  // What the process may hold; null: as much as there is.
  std::shared_ptr<MemoryLimit> memory = nullptr;
};

// Four phases, all on the control worker:
//
//   1. construction   no I/O, cannot fail
//   2. Start          acquires what it needs and returns quickly; long work goes on in the
//                     background. A peer that is down never makes a start fail; a port that is
//                     taken does. Called at most once.
//   3. running
//   4. Shutdown       stops taking work, lets what is inside go to the next component, then calls
//                     `done`, exactly once, on the control worker. Safe without Start and safe
//                     twice. After `done` the component may be destroyed.
class Component {
 public:
  virtual ~Component() = default;
  virtual Status Start() = 0;
  virtual void Shutdown(TimePoint deadline, std::move_only_function<void()> done) = 0;
};

}  // namespace gapless::pipeline
