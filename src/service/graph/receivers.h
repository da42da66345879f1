// Receivers: the running receivers and the graph between them and the queues. Control worker.
#pragma once

#include "service/graph/components.h"
#include "service/graph/ingest.h"

namespace gapless::service {

class QueueSet;

class Receivers {
 public:
  // It outlives them.
  explicit Receivers(const GraphContext& context) : context_(context) {}

  // Leads what comes in through the pipelines of this configuration. Receivers that left or changed
  // end before others want their ports: they go on with the requests that they have, and their
  // sockets stay open for whoever listens there next.
  Status Bring(const Change& change, const Processors& processors, const QueueSet& queues);
  void Shutdown(TimePoint deadline, const std::function<void()>& done) const {
    receivers_.Shutdown(deadline, done);
  }

 private:
  using Set = ComponentSet<ComponentId, pipeline::Component>;
  using Junctions = std::array<Junction, 3>;

  void Connect(const Plan& plan, const Processors& processors, const QueueSet& queues);
  std::shared_ptr<pipeline::Component> Make(const ComponentId& id, const Set::Part& part) const;

  const GraphContext& context_;
  std::map<ComponentId, std::shared_ptr<Junctions>> junctions_;
  Set receivers_{Kind::kReceiver};
};

}  // namespace gapless::service
