// The levels of a failover: which pipelines an entry of priority_levels means, and the paths from
// there to exporters.
#include "config/nearest.h"
#include "service/plan/planner_parts.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {

using config::JoinPath;

const PipelineDef* Planner::ResolveExporter(const ComponentId& connector, otlp::Signal signal,
                                            const queue::FailoverPlan::Entry& entry,
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
                                         const queue::FailoverPlan::Entry& entry) {
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
  Split split = SplitBehindJournal(pipeline);
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
                  fmt::format("pipeline \"{}\" leads to failover connector \"{}\" and elsewhere: a "
                              "nested failover must be alone in its level",
                              pipeline.id.ToString(), exporter.id.ToString()));
    }
  }
}

// The failover connector that a level leads to, if to nothing else.
const ComponentId* Planner::NestedIn(const std::vector<const PipelineDef*>& pipelines) const {
  if (pipelines.size() != 1 || pipelines.front()->exporters.size() != 1) {
    return nullptr;
  }
  const ComponentId& id = pipelines.front()->exporters.front().id;
  const auto* connector = ConnectorOf(id);
  return connector != nullptr && connector->failover != nullptr ? &id : nullptr;
}

// The levels of a nested failover take the place of the level that leads to it: one list of wishes,
// one decision, one journal in front of it.
bool Planner::PlanNested(const Place& place, const PipelineDef& pipeline, const ComponentId& nested,
                         QueuePlan& queue) {
  Split split = SplitBehindJournal(pipeline);
  if (split.merging && !queue.queue.batch) {
    queue.queue.batch = split.merging;
  }
  Place inner{.connector = nested, .processors = place.processors};
  inner.processors.insert(inner.processors.end(), split.processors.begin(), split.processors.end());
  plan_.notes.push_back(fmt::format(
      "{} ({}): the levels of {} stand in the place of the level that leads to it; its own timings "
      "and queue are not used here",
      queue.key.owner.ToString(), otlp::Names(queue.key.signal).name, nested.ToString()));
  return PlanLevels(
      inner, factories_.Connector(nested.type)->failover(*config_.connectors.at(nested).config),
      queue);
}

bool Planner::PlanLevel(const Place& place, const queue::FailoverPlan& failover, size_t index,
                        QueuePlan& queue) {
  const std::vector<queue::FailoverPlan::Entry>& entries = failover.levels[index];
  LevelPlan level;
  std::vector<const PipelineDef*> pipelines;
  for (const queue::FailoverPlan::Entry& entry : entries) {
    pipelines.push_back(ResolveEntry(place.connector, queue.key.signal, entry));
    level.name += (level.name.empty() ? "" : "+") + entry.id;
    if (const auto health = failover.health.find(entry.id); health != failover.health.end()) {
      level.health.push_back(health->second);
    }
  }
  if (std::ranges::find(pipelines, nullptr) != pipelines.end()) {
    return false;
  }
  if (const ComponentId* nested = NestedIn(pipelines)) {
    return PlanNested(place, *pipelines.front(), *nested, queue);
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    AddPaths(*pipelines[i], place.processors, entries[i].mark, level, queue);
  }
  if (std::ranges::find(queue.levels, level.paths, &LevelPlan::paths) != queue.levels.end()) {
    errors_.Add(JoinPath("connectors", place.connector.ToString()), entries.front().mark,
                fmt::format("priority_levels: level {} is the same as an earlier one", index));
    return false;
  }
  queue.levels.push_back(std::move(level));
  return true;
}

bool Planner::PlanLevels(const Place& place, const queue::FailoverPlan& failover,
                         QueuePlan& queue) {
  bool complete = true;
  for (size_t i = 0; i < failover.levels.size(); ++i) {
    complete = PlanLevel(place, failover, i, queue) && complete;
  }
  return complete;
}

}  // namespace gapless::service
