#include "service/plan/planner.h"

#include "config/nearest.h"
#include "service/plan/planner_parts.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace gapless::service {
namespace {

using config::Errors;
using config::JoinPath;

sending::DeliverySettings DeliveryOf(const Config& config, const Factories& factories,
                                     const ComponentId& exporter) {
  const ComponentDef& def = config.exporters.at(exporter);
  return factories.Exporter(exporter.type)->delivery(*def.config);
}

}  // namespace

Planner::Split Planner::SplitProcessors(const PipelineDef& pipeline) const {
  Split split;
  for (const Reference& reference : pipeline.processors) {
    const ComponentDef& def = config_.processors.at(reference.id);
    if (const auto* merging = factories_.Merging(def.info->type)) {
      split.merging = merging->settings(*def.config);
      split.merging->processor = reference.id.ToString();
    } else {
      split.processors.push_back({.id = reference.id, .pipeline = pipeline.id});
    }
  }
  return split;
}

Planner::Split Planner::SplitBehindJournal(const PipelineDef& pipeline) {
  Split split = SplitProcessors(pipeline);
  std::erase_if(split.processors, [&](const ProcessorPlan& processor) {
    const bool out = factories_.Processor(processor.id.type)->only_before_journals;
    if (out) {
      plan_.notes.push_back(fmt::format(
          "{} in pipeline {} is left out: behind a journal it would refuse what is stored already",
          processor.id.ToString(), pipeline.id.ToString()));
    }
    return out;
  });
  return split;
}

const queue::ConnectorFactory* Planner::ConnectorOf(const ComponentId& id) const {
  return config_.connectors.contains(id) ? factories_.Connector(id.type) : nullptr;
}

std::vector<const PipelineDef*> Planner::Behind(const ComponentId& connector,
                                                otlp::Signal signal) const {
  std::vector<const PipelineDef*> behind;
  for (const PipelineDef& pipeline : config_.pipelines) {
    if (pipeline.signal == signal && pipeline.Receives(connector)) {
      behind.push_back(&pipeline);
    }
  }
  return behind;
}

// A pipeline is a level's when only failover connectors feed it, be it through forward connectors;
// fed by receivers as well, it serves both.
bool Planner::IsLevelPipeline(const PipelineDef& pipeline) const {
  return std::ranges::all_of(pipeline.receivers, [&](const Reference& receiver) {
    const auto* connector = ConnectorOf(receiver.id);
    if (connector == nullptr || connector->failover != nullptr) {
      return connector != nullptr;
    }
    return std::ranges::all_of(config_.pipelines, [&](const PipelineDef& before) {
      return before.signal != pipeline.signal || !before.Exports(receiver.id) ||
             IsLevelPipeline(before);
    });
  });
}

void Planner::PlanReceivers() {
  for (const auto& [id, def] : config_.receivers) {
    ReceiverPlan receiver{.receiver = id, .pipelines = {}};
    bool used = false;
    for (const PipelineDef& pipeline : config_.pipelines) {
      if (pipeline.Receives(id)) {
        receiver.pipelines[static_cast<size_t>(pipeline.signal)].push_back(pipeline.id);
        used = true;
      }
    }
    if (used) {
      plan_.receivers.push_back(std::move(receiver));
    }
  }
}

void Planner::PlanIngest(const PipelineDef& pipeline) {
  IngestPlan ingest{.pipeline = pipeline.id, .signal = pipeline.signal};
  ingest.processors = SplitProcessors(pipeline).processors;
  for (const Reference& exporter : pipeline.exporters) {
    const auto* connector = ConnectorOf(exporter.id);
    if (connector != nullptr && connector->failover == nullptr) {
      for (const PipelineDef* behind : Behind(exporter.id, pipeline.signal)) {
        ingest.forwards.push_back(behind->id);
      }
      continue;
    }
    const QueueKey key{.owner = exporter.id, .signal = pipeline.signal};
    ingest.queues.push_back(key);
    if (!planned_.insert(key).second) {
      continue;
    }
    if (connector != nullptr) {
      PlanFailoverQueue(exporter.id, pipeline.signal);
    } else {
      PlanExporterQueue(exporter.id, pipeline.signal);
    }
  }
  plan_.pipelines.push_back(std::move(ingest));
}

void Planner::PlanExporterQueue(const ComponentId& exporter, otlp::Signal signal) {
  const auto delivery = DeliveryOf(config_, factories_, exporter);
  QueuePlan queue{
      .key = {.owner = exporter, .signal = signal},
      .queue = delivery.queue,
      .order = signal == otlp::Signal::kMetrics ? queue::Order::kFifo : queue::Order::kArrival,
      .max_interval = delivery.retry.max_interval};
  queue.levels.push_back(
      {.name = exporter.ToString(), .paths = {{.processors = {}, .exporter = exporter}}});
  plan_.queues.push_back(std::move(queue));
}

// The journal's settings, each key singly: what the connector's own sending_queue writes out, else
// the largest queue_size and the first storage among its levels' exporters.
void Planner::LiftSettings(const queue::FailoverPlan& failover, QueuePlan& queue) {
  std::set<ComponentId> storages;
  uint64_t largest = 0;
  std::optional<sending::QueueSettings> of_largest;
  std::optional<ComponentId> first_storage;
  for (const LevelPlan& level : queue.levels) {
    for (const PathPlan& path : level.paths) {
      const auto delivery = DeliveryOf(config_, factories_, path.exporter);
      queue.max_interval = std::max(queue.max_interval, delivery.retry.max_interval);
      if (delivery.queue.enabled && delivery.queue.queue_size > largest) {
        largest = delivery.queue.queue_size;
        of_largest = delivery.queue;
      }
      if (delivery.queue.storage && delivery.queue.enabled) {
        storages.insert(*delivery.queue.storage);
        first_storage = first_storage ? first_storage : delivery.queue.storage;
      }
      if (!queue.queue.batch && delivery.queue.batch) {
        queue.queue.batch = delivery.queue.batch;
      }
    }
  }
  const std::string name =
      fmt::format("{} ({})", queue.key.owner.ToString(), otlp::Names(queue.key.signal).name);
  if (!failover.queue_written.IsSet("queue_size") && of_largest) {
    queue.queue.queue_size = of_largest->queue_size;
    if (!failover.queue_written.IsSet("sizer")) {
      queue.queue.sizer = of_largest->sizer;
    }
    plan_.notes.push_back(
        fmt::format("{}: queue_size {} is taken from its levels' exporters", name, largest));
  }
  const bool settled = !queue.queue.enabled || queue.queue.wait_for_result;
  if (!failover.queue_written.IsSet("storage") && first_storage && !settled) {
    queue.queue.storage = first_storage;
    plan_.notes.push_back(fmt::format("{}: storage {} is taken from its levels' exporters", name,
                                      first_storage->ToString()));
    if (storages.size() > 1) {
      errors_.Warn(JoinPath("connectors", queue.key.owner.ToString()),
                   config_.connectors.at(queue.key.owner).mark,
                   fmt::format("the exporters of its levels name different storages; {} is used",
                               first_storage->ToString()));
    }
  }
  plan_.notes.push_back(fmt::format(
      "{}: the sending queues of its levels' exporters are lifted in front of the decision", name));
}

void Planner::PlanFailoverQueue(const ComponentId& connector, otlp::Signal signal) {
  const ComponentDef& def = config_.connectors.at(connector);
  const queue::FailoverPlan failover = factories_.Connector(connector.type)->failover(*def.config);
  QueuePlan queue{.key = {.owner = connector, .signal = signal},
                  .is_failover = true,
                  .queue = failover.queue,
                  .router = failover.router,
                  .order = failover.order.value_or(signal == otlp::Signal::kMetrics
                                                       ? queue::Order::kFifo
                                                       : queue::Order::kLiveFirst)};
  const bool complete = PlanLevels({.connector = connector, .processors = {}}, failover, queue);
  for (const LevelPlan& level : queue.levels) {
    for (const PathPlan& path : level.paths) {
      const auto [it, added] = plan_.senders.try_emplace(
          {.exporter = path.exporter, .signal = signal}, failover.suspect_after);
      it->second = std::min(it->second, failover.suspect_after);
    }
  }
  if (failover.dead_letter) {
    PlanDeadLetter(*failover.dead_letter, queue);
  }
  if (queue.queue.backfill && signal == otlp::Signal::kMetrics) {
    errors_.Warn(JoinPath("connectors", connector.ToString()), def.mark,
                 "backfill brings old data points after newer ones: the backends of the upper "
                 "levels must accept out-of-order samples");
  }
  if (complete) {
    LiftSettings(failover, queue);
    plan_.queues.push_back(std::move(queue));
  }
}

// What every level rejected goes to an ordinary exporter with its own queue.
void Planner::PlanDeadLetter(const queue::FailoverPlan::Entry& entry, QueuePlan& queue) {
  const std::string path =
      JoinPath(JoinPath("connectors", queue.key.owner.ToString()), "dead_letter");
  const auto id = ComponentId::Parse(entry.id);
  const auto declared = config_.exporters.find(*id);
  if (declared == config_.exporters.end()) {
    std::vector<std::string> names;
    for (const auto& [exporter, def] : config_.exporters) {
      names.push_back(exporter.ToString());
    }
    errors_.Add(
        path, entry.mark,
        fmt::format("\"{}\" is not an exporter{}", entry.id, config::NearestHint(entry.id, names)));
    return;
  }
  const pipeline::TypeInfo& info = *declared->second.info;
  Status fits = OkStatus();
  if (!info.signals.Has(queue.key.signal)) {
    fits = InvalidArgument("telemetry type is not supported");
  } else if (info.check != nullptr) {
    fits = info.check(*declared->second.config, queue.key.signal);
  }
  if (!fits.ok()) {
    errors_.Add(path, entry.mark,
                fmt::format("exporter \"{}\" cannot take {}, for which the connector is used: {}",
                            entry.id, otlp::Names(queue.key.signal).name, fits.message()));
    return;
  }
  const bool is_level = std::ranges::any_of(queue.levels, [&](const LevelPlan& level) {
    return std::ranges::find(level.paths, *id, &PathPlan::exporter) != level.paths.end();
  });
  if (is_level) {
    errors_.Add(path, entry.mark,
                fmt::format("exporter \"{}\" is also a level: it has rejected already what would "
                            "go there",
                            entry.id));
    return;
  }
  if (planned_.insert({.owner = *id, .signal = queue.key.signal}).second) {
    PlanExporterQueue(*id, queue.key.signal);
  }
  queue.dead_letter = *id;
}

void Planner::FoldMerging(const IngestPlan& pipeline, const sending::BatchSettings& merging,
                          std::set<ComponentId>& seen) {
  if (!seen.insert(pipeline.pipeline).second) {
    return;
  }
  for (const QueueKey& key : pipeline.queues) {
    const auto queue = std::ranges::find(plan_.queues, key, &QueuePlan::key);
    if (queue == plan_.queues.end()) {
      continue;
    }
    if (queue->queue.batch && *queue->queue.batch != merging) {
      plan_.notes.push_back(fmt::format(
          "{} ({}): merges as its own settings say, not as the batch processor of pipeline {}",
          key.owner.ToString(), otlp::Names(key.signal).name, pipeline.pipeline.ToString()));
      continue;
    }
    queue->queue.batch = merging;
  }
  for (const ComponentId& next : pipeline.forwards) {
    const auto behind = std::ranges::find(plan_.pipelines, next, &IngestPlan::pipeline);
    if (behind != plan_.pipelines.end()) {
      FoldMerging(*behind, merging, seen);
    }
  }
}

void Planner::PlanSenders() {
  for (const QueuePlan& queue : plan_.queues) {
    for (const LevelPlan& level : queue.levels) {
      for (const PathPlan& path : level.paths) {
        plan_.senders.try_emplace({.exporter = path.exporter, .signal = queue.key.signal},
                                  std::chrono::seconds(1));
      }
    }
  }
}

void Planner::PlanStorages() {
  // One that no queue uses (any more) may hold what a former configuration left.
  std::set<ComponentId> storages;
  for (const Reference& reference : config_.service_extensions) {
    if (factories_.Storage(reference.id.type) != nullptr) {
      storages.insert(reference.id);
    }
  }
  for (const QueuePlan& queue : plan_.queues) {
    if (queue.queue.storage && queue.queue.enabled) {
      storages.insert(*queue.queue.storage);
    }
  }
  for (const ComponentId& id : storages) {
    plan_.storages.push_back(id);
    const auto declared = config_.extensions.find(id);
    const bool active = std::ranges::find(config_.service_extensions, id, &Reference::id) !=
                        config_.service_extensions.end();
    if (declared != config_.extensions.end() && active) {
      continue;
    }
    if (declared == config_.extensions.end() && id.type == "file_storage") {
      plan_.undeclared_storages.push_back(id);
      errors_.Warn("extensions", {},
                   fmt::format("storage \"{}\" is declared nowhere: it gets the default directory",
                               id.ToString()));
      continue;
    }
    errors_.Add("extensions",
                declared != config_.extensions.end() ? declared->second.mark : config::Mark(),
                fmt::format("no storage client extension found: \"{}\" must be declared under "
                            "`extensions:` (`{}:`) and listed in `service: extensions: [{}]`",
                            id.ToString(), id.ToString(), id.ToString()));
  }
}

Plan Planner::Make() {
  PlanReceivers();
  for (const PipelineDef& pipeline : config_.pipelines) {
    if (!IsLevelPipeline(pipeline)) {
      PlanIngest(pipeline);
    }
  }
  for (const PipelineDef& pipeline : config_.pipelines) {
    const auto ingest = std::ranges::find(plan_.pipelines, pipeline.id, &IngestPlan::pipeline);
    const Split split = SplitProcessors(pipeline);
    if (ingest != plan_.pipelines.end() && split.merging) {
      std::set<ComponentId> seen;
      FoldMerging(*ingest, *split.merging, seen);
    }
  }
  PlanSenders();
  PlanStorages();
  return std::move(plan_);
}

Plan MakePlan(const Config& config, const Factories& factories, Errors& errors) {
  return Planner(config, factories, errors).Make();
}

}  // namespace gapless::service
