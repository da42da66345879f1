// What the parts of a collector share, and one change of its configuration. Control worker.
#pragma once

#include "base/memory_limit.h"
#include "journal/budget.h"
#include "service/config/config.h"
#include "service/plan/planner.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::service {

// Outlives all parts.
struct GraphContext {
  const Factories& factories;
  std::vector<net::Worker*> workers;  // at least one; the first is the control worker
  telemetry::Logger log;
  telemetry::Registry& metrics;
  // What the process may hold (service::limits::memory); null: as much as there is.
  std::shared_ptr<MemoryLimit> memory = nullptr;
  // Its parts for journals in memory and on disk. All journals of a kind share one.
  std::shared_ptr<journal::Budget> memory_journals =
      journal::Budget::Of(memory, MemoryUse::kJournals);
  std::shared_ptr<journal::Budget> disk_journals = journal::Budget::Of(memory, MemoryUse::kStorage);

  net::Worker& control() const { return *workers.front(); }
  // Everything that delivers one signal lives on one worker: queues, senders and their connections
  // share nothing.
  net::Worker& HomeOf(otlp::Signal signal) const {
    return *workers[static_cast<size_t>(signal) % workers.size()];
  }
  pipeline::Settings SettingsFor(Kind kind, const ComponentId& id,
                                 std::string_view signal = {}) const;
  // The component ends in its own time, at most some seconds, and is destroyed afterwards.
  void End(std::shared_ptr<pipeline::Component> component) const;
};

// What a reload did, for the log and the operator: parts as "exporter otlp/a" or "queue otlp/a
// (traces)".
struct ReloadReport {
  std::vector<std::string> kept;       // as they were, with sockets and connections
  std::vector<std::string> changed;    // in place: data and failover state stay
  std::vector<std::string> restarted;  // ended and begun again with new settings
  std::vector<std::string> started;
  std::vector<std::string> stopped;
  std::vector<std::string> warnings;  // of the new configuration
  Duration took{};
};

class Journals;

// What the collector is brought to, and what came of it so far.
struct Change {
  const Config& config;
  const Plan& plan;
  Journals& journals;
  ReloadReport& report;
};

}  // namespace gapless::service
