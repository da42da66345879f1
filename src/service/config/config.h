// Config: a whole decoded configuration, and everything that can be wrong with one.
//
// Decode reads the tree that config/resolver.h made: every component section (used or not),
// service.extensions, service.pipelines, service.telemetry, service.admin, service.limits. All
// errors at once, in upstream's words where it has words. Pure.
#pragma once

#include "config/errors.h"
#include "config/node.h"
#include "service/config/admin_config.h"
#include "service/config/factories.h"
#include "service/config/limits_config.h"
#include "service/config/telemetry_config.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gapless::service {

struct ComponentDef {
  ComponentId id;
  const pipeline::TypeInfo* info = nullptr;
  pipeline::ComponentConfigPtr config;
  config::Mark mark;
};
using ComponentDefs = std::map<ComponentId, ComponentDef>;

// A component ID as it was written in a list.
struct Reference {
  ComponentId id;
  config::Mark mark;
};

struct PipelineDef {
  ComponentId id;  // type: the signal's name
  otlp::Signal signal = otlp::Signal::kTraces;
  std::vector<Reference> receivers;  // duplicates collapsed
  std::vector<Reference> processors;
  std::vector<Reference> exporters;
  config::Mark mark;

  bool Receives(const ComponentId& component) const;
  bool Exports(const ComponentId& component) const;
};

struct Config {
  ComponentDefs receivers;
  ComponentDefs processors;
  ComponentDefs exporters;
  ComponentDefs connectors;
  ComponentDefs extensions;
  std::vector<Reference> service_extensions;
  std::vector<PipelineDef> pipelines;
  TelemetryConfig telemetry;
  AdminConfig admin;
  LimitsConfig limits;

  const ComponentDefs& Section(Kind kind) const;
  ComponentDefs& Section(Kind kind);
  const PipelineDef* Pipeline(const ComponentId& id) const;
};

// Problems go to `errors`; the result is fit for use only if there are none.
Config DecodeConfig(const config::Node& root, const Factories& factories, config::Errors& errors);

}  // namespace gapless::service
