// The planner at work: one object per plan. Private to planner.cc (receivers, queues, merging) and
// planner_levels.cc (what the entries of priority_levels mean).
#pragma once

#include "service/plan/planner.h"

#include <optional>
#include <set>
#include <vector>

namespace gapless::service {

class Planner {
 public:
  Planner(const Config& config, const Factories& factories, config::Errors& errors)
      : config_(config), factories_(factories), errors_(errors) {}

  Plan Make();

 private:
  // A pipeline's processors split into those that run and the merging that journals carry out.
  struct Split {
    std::vector<ProcessorPlan> processors;
    std::optional<sending::BatchSettings> merging;
  };
  Split SplitProcessors(const PipelineDef& pipeline) const;
  // Without those that may stand only in front.
  Split SplitBehindJournal(const PipelineDef& pipeline);
  // The pipelines of one signal that a connector feeds.
  std::vector<const PipelineDef*> Behind(const ComponentId& connector, otlp::Signal signal) const;
  bool IsLevelPipeline(const PipelineDef& pipeline) const;
  const queue::ConnectorFactory* ConnectorOf(const ComponentId& id) const;

  void PlanReceivers();
  void PlanIngest(const PipelineDef& pipeline);
  void PlanExporterQueue(const ComponentId& exporter, otlp::Signal signal);
  void PlanFailoverQueue(const ComponentId& connector, otlp::Signal signal);
  // Where the levels of a connector are added: to its own queue, or to that of the connector that
  // it is nested in, behind what the pipelines between them do.
  struct Place {
    const ComponentId& connector;
    std::vector<ProcessorPlan> processors;
  };
  bool PlanLevels(const Place& place, const queue::FailoverPlan& failover, QueuePlan& queue);
  bool PlanLevel(const Place& place, const queue::FailoverPlan& failover, size_t index,
                 QueuePlan& queue);
  const ComponentId* NestedIn(const std::vector<const PipelineDef*>& pipelines) const;
  bool PlanNested(const Place& place, const PipelineDef& pipeline, const ComponentId& nested,
                  QueuePlan& queue);
  const PipelineDef* ResolveEntry(const ComponentId& connector, otlp::Signal signal,
                                  const queue::FailoverPlan::Entry& entry);
  const PipelineDef* ResolveExporter(const ComponentId& connector, otlp::Signal signal,
                                     const queue::FailoverPlan::Entry& entry,
                                     const ComponentId& exporter);
  void AddPaths(const PipelineDef& pipeline, std::vector<ProcessorPlan> processors,
                const config::Mark& mark, LevelPlan& level, QueuePlan& queue);
  void LiftSettings(const queue::FailoverPlan& failover, QueuePlan& queue);
  void PlanDeadLetter(const queue::FailoverPlan::Entry& entry, QueuePlan& queue);
  // What stands in front of a queue: merging of the ingest pipelines goes to the queue's reader.
  void FoldMerging(const IngestPlan& pipeline, const sending::BatchSettings& merging,
                   std::set<ComponentId>& seen);
  void PlanSenders();
  void PlanStorages();

  const Config& config_;
  const Factories& factories_;
  config::Errors& errors_;
  Plan plan_;
  std::set<QueueKey> planned_;
};

}  // namespace gapless::service
