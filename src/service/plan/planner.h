// The planner: from a configuration to what is built. Pure; nothing else decides where queues,
// merging and levels go.
//
// Every exporter queue behind a failover connector is lifted in front of the decision; `batch` is
// carried out by the readers of the journals behind it; `forward` connectors vanish into the
// pipelines that they join. docs/failover.md.
#pragma once

#include "config/errors.h"
#include "queue/sending_queue.h"
#include "service/config/config.h"

#include <compare>
#include <string>
#include <vector>

namespace gapless::service {

// A queue is known by its owner and signal: it keeps its journal and its state over reloads under
// this name.
struct QueueKey {
  ComponentId owner;  // exporter or failover connector
  otlp::Signal signal = otlp::Signal::kTraces;
  auto operator<=>(const QueueKey&) const = default;
};

// A processor instance: one per (ID, pipeline).
struct ProcessorPlan {
  ComponentId id;
  ComponentId pipeline;
  auto operator<=>(const ProcessorPlan&) const = default;
};

struct PathPlan {
  std::vector<ProcessorPlan> processors;
  ComponentId exporter;
  bool operator==(const PathPlan&) const = default;
};

struct LevelPlan {
  std::string name;  // what was written in priority_levels, joined by "+"; the exporter's ID for a
                     // plain exporter
  std::vector<PathPlan> paths;
  std::vector<sending::HealthCheckSettings> health = {};
  bool operator==(const LevelPlan&) const = default;
};

struct QueuePlan {
  QueueKey key;
  bool is_failover = false;
  sending::QueueSettings queue;
  routing::RouterConfig router;  // without levels
  queue::Order order = queue::Order::kArrival;
  Duration max_interval{};
  std::vector<LevelPlan> levels;
  // The exporter that gets what every level of a failover rejected. Its queue stands before this
  // one.
  std::optional<ComponentId> dead_letter = std::nullopt;
  bool operator==(const QueuePlan&) const = default;

  // Whether a result of this queue decides the answer to the client (queue off).
  bool decides() const { return !queue.enabled; }
};

// One pipeline in front of the queues.
struct IngestPlan {
  ComponentId pipeline;
  otlp::Signal signal = otlp::Signal::kTraces;
  std::vector<ProcessorPlan> processors;  // without those that journals carry out
  std::vector<QueueKey> queues;
  std::vector<ComponentId> forwards;  // pipelines behind forward connectors
};

struct ReceiverPlan {
  ComponentId receiver;
  // The pipelines that it feeds, per signal.
  std::array<std::vector<ComponentId>, 3> pipelines;
};

struct SenderKey {
  ComponentId exporter;
  otlp::Signal signal = otlp::Signal::kTraces;
  auto operator<=>(const SenderKey&) const = default;
};

struct Plan {
  std::vector<ReceiverPlan> receivers;
  std::vector<IngestPlan> pipelines;
  std::vector<QueuePlan> queues;
  // Every sender with its black-hole patience: the smallest among the queues that share it.
  std::map<SenderKey, Duration> senders;
  // Storage extensions: the listed ones, and those that are declared nowhere, which get the default
  // directory.
  std::vector<ComponentId> storages;
  std::vector<ComponentId> undeclared_storages;
  // What was translated, lifted or folded: logged once at start, printed by print-config.
  std::vector<std::string> notes;
};

// Problems go to `errors` (warnings as well); the plan is fit for use only if there are no errors.
// Precondition: `config` has none.
Plan MakePlan(const Config& config, const Factories& factories, config::Errors& errors);

}  // namespace gapless::service
