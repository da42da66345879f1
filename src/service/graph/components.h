// Components: the running extensions, exporters and processors. Control worker.
#pragma once

#include "service/graph/component_set.h"

namespace gapless::service {

using Exporters = ComponentSet<ComponentId, sending::Exporter>;
using Processors = ComponentSet<ProcessorPlan, pipeline::Processor>;

class Components {
 public:
  // Both outlive it. `status`: what extensions are told of the process.
  Components(const GraphContext& context, const pipeline::StatusSource& status)
      : context_(context), status_(status) {}

  // Those that left or changed end before others want their ports.
  Status BringExtensions(const Change& change);
  // The former ones of those that changed stay for what still uses them.
  Status StartExporters(const Change& change);
  Status StartProcessors(const Change& change);
  void StopUnused(const Change& change);
  void Shutdown(TimePoint deadline, const std::function<void()>& done) const;

  const Exporters& exporters() const { return exporters_; }
  const Processors& processors() const { return processors_; }

 private:
  const GraphContext& context_;
  const pipeline::StatusSource& status_;
  ComponentSet<ComponentId, pipeline::Component> extensions_{Kind::kExtension};
  Exporters exporters_{Kind::kExporter};
  Processors processors_{Kind::kProcessor};
};

}  // namespace gapless::service
