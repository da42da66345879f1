#include "service/planner.h"

#include "config/nearest.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using config::Errors;
using config::JoinPath;

class Planner {
 public:
  Planner(const Config& config, const Factories& factories, Errors& errors)
      : config_(config), factories_(factories), errors_(errors) {}

  Plan Make();

 private:
  // A pipeline's processors split into those that run and the merging that journals carry out.
  struct Split {
    std::vector<ProcessorPlan> processors;
    std::optional<delivery::BatchSettings> merging;
  };
  Split SplitProcessors(const PipelineDef& pipeline) const;
  // The pipelines of one signal that a connector feeds.
  std::vector<const PipelineDef*> Behind(const ComponentId& connector, otlp::Signal signal) const;
  bool IsLevelPipeline(const PipelineDef& pipeline) const;
  const delivery::ConnectorFactory* ConnectorOf(const ComponentId& id) const;

  void PlanReceivers();
  void PlanIngest(const PipelineDef& pipeline);
  void PlanExporterQueue(const ComponentId& exporter, otlp::Signal signal);
  void PlanFailoverQueue(const ComponentId& connector, otlp::Signal signal);
  std::optional<LevelPlan> PlanLevel(const ComponentId& connector, otlp::Signal signal,
                                     const std::vector<delivery::FailoverPlan::Entry>& entries,
                                     size_t index, QueuePlan& queue);
  const PipelineDef* ResolveEntry(const ComponentId& connector, otlp::Signal signal,
                                  const delivery::FailoverPlan::Entry& entry);
  const PipelineDef* ResolveExporter(const ComponentId& connector, otlp::Signal signal,
                                     const delivery::FailoverPlan::Entry& entry,
                                     const ComponentId& exporter);
  void AddPaths(const PipelineDef& pipeline, std::vector<ProcessorPlan> processors,
                const config::Mark& mark, LevelPlan& level, QueuePlan& queue);
  void LiftSettings(const delivery::FailoverPlan& failover, QueuePlan& queue);
  // What stands in front of a queue: merging of the ingest pipelines goes to the queue's reader.
  void FoldMerging(const IngestPlan& pipeline, const delivery::BatchSettings& merging,
                   std::set<ComponentId>& seen);
  void PlanSenders();
  void PlanStorages();

  const Config& config_;
  const Factories& factories_;
  Errors& errors_;
  Plan plan_;
  std::set<QueueKey> planned_;
};

delivery::DeliverySettings DeliveryOf(const Config& config, const Factories& factories,
                                      const ComponentId& exporter) {
  const ComponentDef& def = config.exporters.at(exporter);
  return factories.Exporter(exporter.type)->delivery(*def.config);
}

Planner::Split Planner::SplitProcessors(const PipelineDef& pipeline) const {
  Split split;
  for (const Reference& reference : pipeline.processors) {
    const ComponentDef& def = config_.processors.at(reference.id);
    if (const auto* merging = factories_.Merging(def.info->type)) {
      split.merging = merging->settings(*def.config);
    } else {
      split.processors.push_back({.id = reference.id, .pipeline = pipeline.id});
    }
  }
  return split;
}

const delivery::ConnectorFactory* Planner::ConnectorOf(const ComponentId& id) const {
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

// A pipeline is a level's when only failover connectors feed it; fed by receivers as well, it
// serves both.
bool Planner::IsLevelPipeline(const PipelineDef& pipeline) const {
  return std::ranges::all_of(pipeline.receivers, [this](const Reference& receiver) {
    const auto* connector = ConnectorOf(receiver.id);
    return connector != nullptr && connector->failover != nullptr;
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
  QueuePlan queue{.key = {.owner = exporter, .signal = signal},
                  .queue = delivery.queue,
                  .max_interval = delivery.retry.max_interval};
  queue.levels.push_back(
      {.name = exporter.ToString(), .paths = {{.processors = {}, .exporter = exporter}}});
  plan_.queues.push_back(std::move(queue));
}

const PipelineDef* Planner::ResolveExporter(const ComponentId& connector, otlp::Signal signal,
                                            const delivery::FailoverPlan::Entry& entry,
                                            const ComponentId& exporter) {
  std::vector<const PipelineDef*> found;
  std::vector<std::string> names;
  for (const PipelineDef* pipeline : Behind(connector, signal)) {
    if (pipeline->Exports(exporter)) {
      found.push_back(pipeline);
      names.push_back(pipeline->id.ToString());
    }
  }
  const std::string path = JoinPath("connectors", connector.ToString());
  const std::string_view signal_name = otlp::Names(signal).name;
  if (found.empty()) {
    errors_.Add(path, entry.mark,
                fmt::format("priority_levels: no {} pipeline has receiver \"{}\" and exporter "
                            "\"{}\"; add one, or name a pipeline",
                            signal_name, connector.ToString(), entry.id));
    return nullptr;
  }
  if (found.size() > 1) {
    errors_.Add(path, entry.mark,
                fmt::format("priority_levels: exporter \"{}\" stands for several {} pipelines "
                            "[{}]; name one of them",
                            entry.id, signal_name, fmt::join(names, " ")));
    return nullptr;
  }
  plan_.notes.push_back(fmt::format("{} ({}): level entry {} means pipeline {}",
                                    connector.ToString(), signal_name, entry.id, names.front()));
  return found.front();
}

const PipelineDef* Planner::ResolveEntry(const ComponentId& connector, otlp::Signal signal,
                                         const delivery::FailoverPlan::Entry& entry) {
  const auto id = ComponentId::Parse(entry.id);
  const std::string path = JoinPath("connectors", connector.ToString());
  if (config_.exporters.contains(*id)) {
    return ResolveExporter(connector, signal, entry, *id);
  }
  const PipelineDef* pipeline = config_.Pipeline(*id);
  if (pipeline == nullptr) {
    std::vector<std::string> names;
    for (const PipelineDef& known : config_.pipelines) {
      names.push_back(known.id.ToString());
    }
    for (const auto& [exporter, def] : config_.exporters) {
      names.push_back(exporter.ToString());
    }
    errors_.Add(path, entry.mark,
                fmt::format("priority_levels: \"{}\" is neither a pipeline nor an exporter{}",
                            entry.id, config::NearestHint(entry.id, names)));
    return nullptr;
  }
  if (pipeline->signal != signal) {
    errors_.Add(
        path, entry.mark,
        fmt::format("priority_levels: pipeline \"{}\" is for {}, but the connector is used "
                    "for {}",
                    entry.id, otlp::Names(pipeline->signal).name, otlp::Names(signal).name));
    return nullptr;
  }
  if (!pipeline->Receives(connector)) {
    errors_.Add(path, entry.mark,
                fmt::format("priority_levels: pipeline \"{}\" does not list \"{}\" as receiver",
                            entry.id, connector.ToString()));
    return nullptr;
  }
  return pipeline;
}

void Planner::AddPaths(const PipelineDef& pipeline, std::vector<ProcessorPlan> processors,
                       const config::Mark& mark, LevelPlan& level, QueuePlan& queue) {
  Split split = SplitProcessors(pipeline);
  processors.insert(processors.end(), split.processors.begin(), split.processors.end());
  if (split.merging && !queue.queue.batch) {
    queue.queue.batch = split.merging;
  }
  for (const Reference& exporter : pipeline.exporters) {
    const auto* connector = ConnectorOf(exporter.id);
    if (connector == nullptr) {
      level.paths.push_back({.processors = processors, .exporter = exporter.id});
    } else if (connector->failover == nullptr) {
      for (const PipelineDef* behind : Behind(exporter.id, pipeline.signal)) {
        AddPaths(*behind, processors, mark, level, queue);
      }
    } else {
      errors_.Add(JoinPath("connectors", queue.key.owner.ToString()), mark,
                  fmt::format("pipeline \"{}\" leads to failover connector \"{}\": a failover "
                              "within a level is not there yet; list its levels here instead",
                              pipeline.id.ToString(), exporter.id.ToString()));
    }
  }
}

std::optional<LevelPlan> Planner::PlanLevel(
    const ComponentId& connector, otlp::Signal signal,
    const std::vector<delivery::FailoverPlan::Entry>& entries, size_t index, QueuePlan& queue) {
  LevelPlan level;
  bool complete = true;
  for (const delivery::FailoverPlan::Entry& entry : entries) {
    const PipelineDef* pipeline = ResolveEntry(connector, signal, entry);
    if (pipeline == nullptr) {
      complete = false;
      continue;
    }
    level.name += (level.name.empty() ? "" : "+") + entry.id;
    AddPaths(*pipeline, {}, entry.mark, level, queue);
  }
  for (const LevelPlan& earlier : queue.levels) {
    if (complete && earlier.paths == level.paths) {
      errors_.Add(JoinPath("connectors", connector.ToString()), entries.front().mark,
                  fmt::format("priority_levels: level {} is the same as an earlier one", index));
      return std::nullopt;
    }
  }
  return complete ? std::optional(level) : std::nullopt;
}

// The journal's settings, each key singly: what the connector's own sending_queue writes out, else
// the largest queue_size and the first storage among its levels' exporters.
void Planner::LiftSettings(const delivery::FailoverPlan& failover, QueuePlan& queue) {
  std::set<ComponentId> storages;
  uint64_t largest = 0;
  std::optional<delivery::QueueSettings> of_largest;
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
  const delivery::FailoverPlan failover =
      factories_.Connector(connector.type)->failover(*def.config);
  QueuePlan queue{.key = {.owner = connector, .signal = signal},
                  .is_failover = true,
                  .queue = failover.queue,
                  .router = failover.router,
                  .order = failover.order.value_or(signal == otlp::Signal::kMetrics
                                                       ? delivery::Order::kFifo
                                                       : delivery::Order::kLiveFirst)};
  bool complete = true;
  for (size_t i = 0; i < failover.levels.size(); ++i) {
    auto level = PlanLevel(connector, signal, failover.levels[i], i, queue);
    complete = complete && level.has_value();
    if (level) {
      queue.levels.push_back(*std::move(level));
      for (const PathPlan& path : queue.levels.back().paths) {
        const auto [it, added] = plan_.senders.try_emplace(
            {.exporter = path.exporter, .signal = signal}, failover.suspect_after);
        it->second = std::min(it->second, failover.suspect_after);
      }
    }
  }
  if (complete) {
    LiftSettings(failover, queue);
    plan_.queues.push_back(std::move(queue));
  }
}

void Planner::FoldMerging(const IngestPlan& pipeline, const delivery::BatchSettings& merging,
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
  std::set<ComponentId> storages;
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

}  // namespace

Plan MakePlan(const Config& config, const Factories& factories, Errors& errors) {
  return Planner(config, factories, errors).Make();
}

}  // namespace gapless::service
