// Factories: what the one table of components (cli/config/components.cc) holds for each type.
// Exporters and connectors: queue/factory.h.
#pragma once

#include "pipeline/component.h"
#include "pipeline/component_config.h"
#include "pipeline/consumer.h"
#include "pipeline/processor.h"
#include "pipeline/status.h"

#include <array>
#include <memory>
#include <string_view>

namespace gapless::pipeline {

// Which signals a type serves.
struct SignalSet {
  bool traces = false;
  bool metrics = false;
  bool logs = false;
  bool Has(otlp::Signal signal) const {
    return signal == otlp::Signal::kTraces ? traces
                                           : (signal == otlp::Signal::kMetrics ? metrics : logs);
  }
};
inline constexpr SignalSet kAllSignals = {.traces = true, .metrics = true, .logs = true};

struct TypeInfo {
  std::string_view type;
  std::string_view alias;  // another name that configurations use; empty: none
  SignalSet signals = kAllSignals;
  std::string_view stability = "beta";
  ConfigSpec config;
  // Whether a valid configuration suits the signal of a pipeline that uses it; null: always.
  Status (*check)(const ComponentConfig& config, otlp::Signal signal) = nullptr;
};

// Where a receiver sends each signal; null: no pipeline uses it. The consumers outlive the receiver
// and stay the same over reloads, whatever happens behind them.
using Outputs = std::array<Consumer*, 3>;

struct ReceiverFactory {
  TypeInfo info;
  // One instance per ID, told which signals it serves.
  std::unique_ptr<Component> (*create)(Settings settings, ComponentConfigPtr config,
                                       const Outputs& outputs) = nullptr;
};

struct ProcessorFactory {
  TypeInfo info;
  // One instance per (ID, pipeline). Null: the planner carries the processor out (see
  // delivery::Merging).
  std::unique_ptr<Processor> (*create)(Settings settings, ComponentConfigPtr config,
                                       otlp::Signal signal) = nullptr;
  // Refuses what clients may send again later: left out behind a journal, where a refusal would
  // lose what they were told is safe.
  bool only_before_journals = false;
};

struct ExtensionFactory {
  TypeInfo info;
  std::unique_ptr<Component> (*create)(Settings settings, ComponentConfigPtr config,
                                       const StatusSource& status) = nullptr;
};

}  // namespace gapless::pipeline
