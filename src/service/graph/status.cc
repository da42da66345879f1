#include "service/graph/status.h"

#include <utility>

namespace gapless::service {

std::vector<std::string> IdsOf(const std::vector<Reference>& references) {
  std::vector<std::string> ids;
  for (const Reference& reference : references) {
    ids.push_back(reference.id.ToString());
  }
  return ids;
}

pipeline::QueueStatus DescribeQueue(const QueuePlan& plan, const queue::QueueStatus& status,
                                    std::string tier) {
  pipeline::QueueStatus queue{
      .owner = plan.key.owner.ToString(),
      .signal = plan.key.signal,
      .is_failover = plan.is_failover,
      .tier = std::move(tier),
      .active = status.active,
      .active_since = status.active_since,
      .levels = {},
      .ledger = {.accepted = status.ledger.accepted.items,
                 .delivered = status.ledger.delivered.items,
                 .dropped = status.ledger.dropped_total().items,
                 .filtered = status.ledger.filtered.items},
      .pending = {.items = status.ledger.pending.items,
                  .requests = status.ledger.pending.requests,
                  .bytes = status.ledger.pending.bytes,
                  .oldest = status.journal.oldest},
      .possible_duplicates = status.possible_duplicates,
      .handed_over_items = status.handed_over_items,
  };
  for (size_t i = 0; i < status.levels.size(); ++i) {
    const queue::QueueStatus::Level& level = status.levels[i];
    pipeline::LevelStatus described{.name = level.name,
                                    .state = std::string(ToString(level.state)),
                                    .word = std::string(ToString(level.word)),
                                    .since = level.since,
                                    .reason = level.last_error,
                                    .delivered_items = level.delivered_items,
                                    .exporters = {}};
    for (const PathPlan& path : plan.levels[i].paths) {
      described.exporters.push_back(path.exporter.ToString());
    }
    queue.levels.push_back(std::move(described));
  }
  return queue;
}

std::vector<pipeline::PipelineStatus> DescribePipelines(const Config& config) {
  std::vector<pipeline::PipelineStatus> pipelines;
  for (const PipelineDef& pipeline : config.pipelines) {
    pipelines.push_back({.id = pipeline.id.ToString(),
                         .signal = pipeline.signal,
                         .receivers = IdsOf(pipeline.receivers),
                         .processors = IdsOf(pipeline.processors),
                         .exporters = IdsOf(pipeline.exporters)});
  }
  return pipelines;
}

}  // namespace gapless::service
