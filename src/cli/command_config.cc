// `gapless validate`, `components` and `print-config`: what a configuration means, without running
// it.
#include "cli/commands.h"
#include "cli/components.h"
#include "config/sources.h"
#include "config/yaml.h"
#include "service/load.h"

#include <cstdio>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

config::Node PrintSection(const service::Config& config, service::Kind kind,
                          config::Secrets secrets) {
  config::Node section = config::Node::Map();
  for (const auto& [id, def] : config.Section(kind)) {
    section.Set(id.ToString(), def.config->Print(secrets));
  }
  return section;
}

config::Node PrintReferences(const std::vector<service::Reference>& references) {
  config::Node list = config::Node::List();
  for (const service::Reference& reference : references) {
    list.list().push_back(config::Node::String(reference.id.ToString()));
  }
  return list;
}

config::Node PrintService(const service::Config& config, config::Secrets secrets) {
  config::Node pipelines = config::Node::Map();
  for (const service::PipelineDef& pipeline : config.pipelines) {
    config::Node& node = pipelines.Set(pipeline.id.ToString(), config::Node::Map());
    node.Set("receivers", PrintReferences(pipeline.receivers));
    node.Set("processors", PrintReferences(pipeline.processors));
    node.Set("exporters", PrintReferences(pipeline.exporters));
  }
  config::Node node = config::Node::Map();
  node.Set("extensions", PrintReferences(config.service_extensions));
  node.Set("pipelines", std::move(pipelines));
  node.Set("telemetry", config::Print(service::TelemetryTable(), config.telemetry, secrets));
  return node;
}

void PrintKind(const service::Factories& factories, service::Kind kind) {
  fmt::print("{}:\n", service::SectionOf(kind));
  for (const pipeline::TypeInfo* info : factories.All(kind)) {
    fmt::print("    - name: {}\n      module: gapless {}\n      stability:\n", info->type,
               kVersion);
    if (kind == service::Kind::kExtension) {
      fmt::print("        extension: {}\n", info->stability);
      continue;
    }
    for (const otlp::Signal signal : otlp::kSignals) {
      if (info->signals.Has(signal)) {
        const std::string_view name = otlp::Names(signal).name;
        fmt::print("        {}: {}\n",
                   kind == service::Kind::kConnector ? fmt::format("{}-to-{}", name, name) : name,
                   info->stability);
      }
    }
  }
}

}  // namespace

int Fail(const Status& status) {
  fmt::print(stderr, "Error: {}\n", status.message());
  return 1;
}

int ValidateCommand(const RunOptions& options) {
  const auto loaded = service::Load(options.resolve, config::SystemSources(), Components());
  if (!loaded.ok()) {
    return Fail(loaded.status());
  }
  for (const config::Issue& warning : loaded->warnings) {
    fmt::print(stderr, "Warning: {}\n", warning.ToString());
  }
  return 0;
}

int ComponentsCommand() {
  const service::Factories factories = Components();
  fmt::print("buildinfo:\n    command: {}\n    version: {}\n", kCommand, kVersion);
  for (const service::Kind kind : service::kKinds) {
    PrintKind(factories, kind);
  }
  fmt::print("providers:\n");
  for (const char* scheme : {"env", "file", "yaml"}) {
    fmt::print("    - scheme: {}\n", scheme);
  }
  return 0;
}

int PrintConfigCommand(const RunOptions& options, bool redacted, bool json) {
  const auto loaded = service::Load(options.resolve, config::SystemSources(), Components());
  if (!loaded.ok()) {
    return Fail(loaded.status());
  }
  const auto secrets = redacted ? config::Secrets::kRedacted : config::Secrets::kRevealed;
  config::Node root = config::Node::Map();
  for (const service::Kind kind : service::kKinds) {
    config::Node section = PrintSection(loaded->config, kind, secrets);
    if (!section.map().empty()) {
      root.Set(service::SectionOf(kind), std::move(section));
    }
  }
  root.Set("service", PrintService(loaded->config, secrets));
  if (json) {
    fmt::print("{}\n", config::ToJson(root));
    return 0;
  }
  for (const std::string& note : loaded->plan.notes) {
    fmt::print("# {}\n", note);
  }
  fmt::print("{}", config::ToYaml(root));
  return 0;
}

}  // namespace gapless::cli
