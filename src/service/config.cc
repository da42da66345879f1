#include "service/config.h"

#include "config/component_map.h"
#include "config/nearest.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using config::Errors;
using config::JoinPath;
using config::Node;

void UnknownType(const config::ComponentEntry& entry, Kind kind, const Factories& factories,
                 Errors& errors) {
  std::vector<std::string> valid;
  for (const pipeline::TypeInfo* info : factories.All(kind)) {
    valid.emplace_back(info->type);
  }
  std::ranges::sort(valid);
  std::string message = fmt::format("unknown type: \"{}\" for id: \"{}\" (valid values: [{}])",
                                    entry.id.type, entry.id.ToString(), fmt::join(valid, " "));
  if (const auto advice = AdviceForUpstreamType(kind, entry.id.type); !advice.empty()) {
    message +=
        fmt::format("; the Collector has this {}, gapless has not: {}", NameOf(kind), advice);
  } else {
    message += config::NearestHint(entry.id.type, valid);
  }
  errors.Add(SectionOf(kind), entry.mark, std::move(message));
}

void DecodeSection(const Node& root, Kind kind, const Factories& factories, Config& config,
                   Errors& errors) {
  const std::string_view section = SectionOf(kind);
  for (const auto& entry : config::ParseComponentMap(root.Find(section), section, errors)) {
    const pipeline::TypeInfo* info = factories.Find(kind, entry.id.type);
    if (info == nullptr) {
      UnknownType(entry, kind, factories, errors);
      continue;
    }
    const std::string path = JoinPath(section, entry.id.ToString());
    static const Node null;
    const Node& node = entry.node != nullptr ? *entry.node : null;
    config.Section(kind).emplace(entry.id,
                                 ComponentDef{.id = entry.id,
                                              .info = info,
                                              .config = info->config.decode(node, path, errors),
                                              .mark = entry.mark});
  }
}

// A list of component IDs, each once.
std::vector<Reference> DecodeReferences(const Node* list, const std::string& path, Errors& errors) {
  std::vector<Reference> references;
  if (list == nullptr || list->is_null()) {
    return references;
  }
  if (!list->is_list()) {
    errors.Add(path, list->mark(), "expected a list of component IDs");
    return references;
  }
  for (const Node& item : list->list()) {
    if (!item.is_string()) {
      errors.Add(path, item.mark(), "expected a component ID");
      continue;
    }
    auto id = ComponentId::Parse(item.text());
    if (!id.ok()) {
      errors.Add(path, item.mark(), id.status().message());
      continue;
    }
    references.push_back({.id = *id, .mark = item.mark()});
  }
  return references;
}

void Collapse(std::vector<Reference>& references) {
  std::vector<Reference> unique;
  for (Reference& reference : references) {
    if (std::ranges::find(unique, reference.id, &Reference::id) == unique.end()) {
      unique.push_back(std::move(reference));
    }
  }
  references = std::move(unique);
}

void UnknownKeys(const Node& map, std::initializer_list<std::string_view> known,
                 std::string_view path, Errors& errors) {
  for (const config::MapEntry& entry : map.map()) {
    if (std::ranges::find(known, entry.key) == known.end()) {
      errors.Add(path, entry.key_mark,
                 fmt::format("'{}' has invalid keys: {}{}", path, entry.key,
                             config::NearestHint(entry.key, {known.begin(), known.end()})));
    }
  }
}

std::optional<PipelineDef> DecodePipeline(const config::MapEntry& entry, Errors& errors) {
  const std::string path = JoinPath("service::pipelines", entry.key);
  auto id = ComponentId::Parse(entry.key);
  if (!id.ok()) {
    errors.Add("service::pipelines", entry.key_mark, id.status().message());
    return std::nullopt;
  }
  const auto signal = otlp::ParseSignal(id->type);
  if (!signal) {
    errors.Add("service::pipelines", entry.key_mark,
               fmt::format("unknown pipeline signal: \"{}\" (traces, metrics and logs are known)",
                           id->type));
    return std::nullopt;
  }
  PipelineDef pipeline{.id = *id, .signal = *signal, .mark = entry.key_mark};
  UnknownKeys(entry.value, {"receivers", "processors", "exporters"}, path, errors);
  pipeline.receivers = DecodeReferences(entry.value.Find("receivers"), path, errors);
  pipeline.processors = DecodeReferences(entry.value.Find("processors"), path, errors);
  pipeline.exporters = DecodeReferences(entry.value.Find("exporters"), path, errors);
  Collapse(pipeline.receivers);
  Collapse(pipeline.exporters);
  return pipeline;
}

void DecodeService(const Node& root, Config& config, Errors& errors) {
  const Node* service = root.Find("service");
  if (service == nullptr || service->is_null()) {
    return;
  }
  UnknownKeys(*service, {"extensions", "pipelines", "telemetry"}, "service", errors);
  config.service_extensions =
      DecodeReferences(service->Find("extensions"), "service::extensions", errors);
  Collapse(config.service_extensions);
  if (const Node* pipelines = service->Find("pipelines")) {
    for (const config::MapEntry& entry : pipelines->map()) {
      if (auto pipeline = DecodePipeline(entry, errors)) {
        config.pipelines.push_back(*std::move(pipeline));
      }
    }
  }
  static const Node null;
  const Node* telemetry = service->Find("telemetry");
  const Node& node = telemetry != nullptr ? *telemetry : null;
  Errors own;
  config::Decode(TelemetryTable(), node, "service::telemetry", config.telemetry, own);
  if (own.ok()) {
    config::Validate(TelemetryTable(), config.telemetry, node, "service::telemetry", own);
  }
  errors.Append(own);
}

void CheckReference(const Config& config, const PipelineDef& pipeline, Kind kind,
                    const Reference& reference, Errors& errors) {
  const ComponentDefs& defs = config.Section(kind);
  const bool connects = kind == Kind::kReceiver || kind == Kind::kExporter;
  if (defs.contains(reference.id) || (connects && config.connectors.contains(reference.id))) {
    return;
  }
  std::vector<std::string> names;
  for (const auto& [id, def] : defs) {
    names.push_back(id.ToString());
  }
  if (connects) {
    for (const auto& [id, def] : config.connectors) {
      names.push_back(id.ToString());
    }
  }
  errors.Add(
      JoinPath("service::pipelines", pipeline.id.ToString()), reference.mark,
      fmt::format("references {} \"{}\" which is not configured{}", NameOf(kind),
                  reference.id.ToString(), config::NearestHint(reference.id.ToString(), names)));
}

void CheckSignal(const Config& config, const PipelineDef& pipeline, Kind kind,
                 const Reference& reference, Errors& errors) {
  const auto it = config.Section(kind).find(reference.id);
  if (it != config.Section(kind).end() && !it->second.info->signals.Has(pipeline.signal)) {
    errors.Add(
        JoinPath("service::pipelines", pipeline.id.ToString()), reference.mark,
        fmt::format("failed to create \"{}\" {} for data type \"{}\": telemetry type is not "
                    "supported",
                    reference.id.ToString(), NameOf(kind), otlp::Names(pipeline.signal).name));
  }
}

void CheckPipeline(const Config& config, const PipelineDef& pipeline, Errors& errors) {
  const std::string path = JoinPath("service::pipelines", pipeline.id.ToString());
  if (pipeline.receivers.empty()) {
    errors.Add(path, pipeline.mark, "must have at least one receiver");
  }
  if (pipeline.exporters.empty()) {
    errors.Add(path, pipeline.mark, "must have at least one exporter");
  }
  for (size_t i = 0; i < pipeline.processors.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (pipeline.processors[i].id == pipeline.processors[j].id) {
        errors.Add(path, pipeline.processors[i].mark,
                   fmt::format("references processor \"{}\" multiple times",
                               pipeline.processors[i].id.ToString()));
        break;
      }
    }
  }
  const auto check = [&](Kind kind, const std::vector<Reference>& references) {
    for (const Reference& reference : references) {
      CheckReference(config, pipeline, kind, reference, errors);
      CheckSignal(config, pipeline, kind, reference, errors);
    }
  };
  check(Kind::kReceiver, pipeline.receivers);
  check(Kind::kProcessor, pipeline.processors);
  check(Kind::kExporter, pipeline.exporters);
}

// A connector joins an exporting and a receiving pipeline of each signal that it is used for.
void CheckConnector(const Config& config, const ComponentDef& connector, Errors& errors) {
  const std::string name = connector.id.ToString();
  const std::string path = JoinPath("connectors", name);
  for (const otlp::Signal signal : otlp::kSignals) {
    std::vector<std::string> in;
    std::vector<std::string> out;
    for (const PipelineDef& pipeline : config.pipelines) {
      if (pipeline.signal != signal) {
        continue;
      }
      if (pipeline.Exports(connector.id)) {
        in.push_back(pipeline.id.ToString());
      }
      if (pipeline.Receives(connector.id)) {
        out.push_back(pipeline.id.ToString());
      }
    }
    if (in.empty() && !out.empty()) {
      errors.Add(path, connector.mark,
                 fmt::format("connector \"{}\" used as receiver in [{}] pipeline but not used in "
                             "any supported exporter pipeline",
                             name, fmt::join(out, " ")));
    } else if (!in.empty() && out.empty()) {
      errors.Add(path, connector.mark,
                 fmt::format("connector \"{}\" used as exporter in [{}] pipeline but not used in "
                             "any supported receiver pipeline",
                             name, fmt::join(in, " ")));
    }
  }
  const auto ambiguous = [&](Kind kind) {
    if (config.Section(kind).contains(connector.id)) {
      errors.Add(path, connector.mark,
                 fmt::format("ambiguous ID: Found both \"{}\" {} and \"{}\" connector. Change one "
                             "of the components' IDs to eliminate ambiguity (e.g. rename connector "
                             "\"{}\" to \"{}/connector\")",
                             name, NameOf(kind), name, name, name));
    }
  };
  ambiguous(Kind::kExporter);
  ambiguous(Kind::kReceiver);
}

// Follows connectors from pipeline to pipeline; a pipeline met again on the way is a cycle.
bool FindCycle(const Config& config, const PipelineDef& from, std::vector<std::string>& way,
               std::vector<const PipelineDef*>& open) {
  if (std::ranges::find(open, &from) != open.end()) {
    return true;
  }
  open.push_back(&from);
  for (const Reference& exporter : from.exporters) {
    if (!config.connectors.contains(exporter.id)) {
      continue;
    }
    const std::string_view signal = otlp::Names(from.signal).name;
    way.push_back(
        fmt::format("connector \"{}\" ({} to {})", exporter.id.ToString(), signal, signal));
    for (const PipelineDef& next : config.pipelines) {
      if (next.signal == from.signal && next.Receives(exporter.id) &&
          FindCycle(config, next, way, open)) {
        return true;
      }
    }
    way.pop_back();
  }
  open.pop_back();
  return false;
}

void CheckCycles(const Config& config, Errors& errors) {
  for (const PipelineDef& pipeline : config.pipelines) {
    std::vector<std::string> way;
    std::vector<const PipelineDef*> open;
    if (FindCycle(config, pipeline, way, open)) {
      errors.Add("", pipeline.mark, fmt::format("cycle detected: {}", fmt::join(way, " -> ")));
      return;
    }
  }
}

void CheckService(const Config& config, const Node& root, Errors& errors) {
  if (config.pipelines.empty()) {
    errors.Add("service::pipelines", root.mark(), "service must have at least one pipeline");
  }
  for (const Reference& extension : config.service_extensions) {
    if (!config.extensions.contains(extension.id)) {
      errors.Add("service::extensions", extension.mark,
                 fmt::format("references extension \"{}\" which is not configured",
                             extension.id.ToString()));
    }
  }
  for (const PipelineDef& pipeline : config.pipelines) {
    CheckPipeline(config, pipeline, errors);
  }
  for (const auto& [id, connector] : config.connectors) {
    CheckConnector(config, connector, errors);
  }
  CheckCycles(config, errors);
}

}  // namespace

bool PipelineDef::Receives(const ComponentId& component) const {
  return std::ranges::find(receivers, component, &Reference::id) != receivers.end();
}

bool PipelineDef::Exports(const ComponentId& component) const {
  return std::ranges::find(exporters, component, &Reference::id) != exporters.end();
}

const ComponentDefs& Config::Section(Kind kind) const {
  switch (kind) {
    case Kind::kReceiver:
      return receivers;
    case Kind::kProcessor:
      return processors;
    case Kind::kExporter:
      return exporters;
    case Kind::kConnector:
      return connectors;
    case Kind::kExtension:
      return extensions;
  }
  return extensions;
}

ComponentDefs& Config::Section(Kind kind) {
  return const_cast<ComponentDefs&>(std::as_const(*this).Section(kind));
}

const PipelineDef* Config::Pipeline(const ComponentId& id) const {
  const auto it = std::ranges::find(pipelines, id, &PipelineDef::id);
  return it == pipelines.end() ? nullptr : &*it;
}

Config DecodeConfig(const Node& root, const Factories& factories, Errors& errors) {
  Config config;
  if (root.map().empty()) {
    errors.Add("", root.mark(), "empty configuration file");
    return config;
  }
  UnknownKeys(root, {"receivers", "processors", "exporters", "connectors", "extensions", "service"},
              "", errors);
  for (const Kind kind : kKinds) {
    DecodeSection(root, kind, factories, config, errors);
  }
  DecodeService(root, config, errors);
  const auto missing = [&](Kind kind) {
    const Node* section = root.Find(SectionOf(kind));
    if (section == nullptr || section->map().empty()) {
      errors.Add("", root.mark(),
                 fmt::format("no {} configuration specified in config", NameOf(kind)));
    }
  };
  missing(Kind::kReceiver);
  missing(Kind::kExporter);
  CheckService(config, root, errors);
  return config;
}

}  // namespace gapless::service
