// `gapless components`: what this binary contains, as the YAML that otelcol prints.
#include "cli/commands/commands.h"
#include "cli/config/components.h"
#include "config/node.h"
#include "config/yaml.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

using config::Node;

Node Stability(const pipeline::TypeInfo& info, service::Kind kind) {
  // As upstream writes it: "Beta".
  std::string level(info.stability);
  if (!level.empty() && level[0] >= 'a' && level[0] <= 'z') {
    level[0] = static_cast<char>(level[0] & ~0x20);
  }
  Node stability = Node::Map();
  if (kind == service::Kind::kExtension) {
    stability.Set("extension", Node::String(level));
    return stability;
  }
  for (const otlp::Signal signal :
       {otlp::Signal::kLogs, otlp::Signal::kMetrics, otlp::Signal::kTraces}) {
    if (info.signals.Has(signal)) {
      const std::string_view name = otlp::Names(signal).name;
      stability.Set(kind == service::Kind::kConnector ? fmt::format("{}-to-{}", name, name)
                                                      : std::string(name),
                    Node::String(level));
    }
  }
  return stability;
}

Node PrintKind(const service::Factories& factories, service::Kind kind) {
  std::vector<const pipeline::TypeInfo*> all = factories.All(kind);
  std::ranges::sort(all, {}, &pipeline::TypeInfo::type);
  Node list = Node::List({});
  for (const pipeline::TypeInfo* info : all) {
    Node entry = Node::Map();
    entry.Set("name", Node::String(std::string(info->type)));
    entry.Set("module", Node::String(fmt::format("{} v{}", kCommand, kVersion)));
    entry.Set("stability", Stability(*info, kind));
    list.list().push_back(std::move(entry));
  }
  return list;
}

}  // namespace

int ComponentsCommand() {
  const service::Factories factories = Components();
  Node root = Node::Map();
  Node& info = root.Set("buildinfo", Node::Map());
  info.Set("command", Node::String(std::string(kCommand)));
  info.Set("description", Node::String("An OpenTelemetry Collector that outlives its backends"));
  info.Set("version", Node::String(std::string(kVersion)));
  for (const service::Kind kind : service::kKinds) {
    root.Set(service::SectionOf(kind), PrintKind(factories, kind));
  }
  Node& providers = root.Set("providers", Node::List({}));
  for (const char* scheme : {"env", "file", "http", "https", "yaml"}) {
    Node entry = Node::Map();
    entry.Set("scheme", Node::String(scheme));
    entry.Set("module", Node::String(fmt::format("{} v{}", kCommand, kVersion)));
    providers.list().push_back(std::move(entry));
  }
  fmt::print("{}", config::ToYaml(root));
  return 0;
}

}  // namespace gapless::cli
