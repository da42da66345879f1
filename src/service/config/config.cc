#include "service/config/config.h"

#include "config/component_map.h"
#include "config/nearest.h"
#include "service/config/config_check.h"
#include "service/config/upstream_types.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using config::Errors;
using config::JoinPath;
using config::Node;
using config::Stage;

constexpr const char* kServiceKeys[] = {"extensions", "pipelines", "telemetry", "admin", "limits"};
constexpr const char* kPipelineKeys[] = {"receivers", "processors", "exporters"};
constexpr const char* kRootKeys[] = {"receivers",  "processors", "exporters",
                                     "connectors", "extensions", "service"};

std::string UnknownType(const ComponentId& id, Kind kind, const Factories& factories) {
  if (kind == Kind::kExporter && id.type == "logging") {
    return "the logging exporter has been deprecated, use the debug exporter instead";
  }
  std::vector<std::string> valid;
  for (const pipeline::TypeInfo* info : factories.All(kind)) {
    valid.emplace_back(info->type);
    if (!info->alias.empty()) {
      valid.emplace_back(info->alias);
    }
  }
  std::ranges::sort(valid);
  std::string message = fmt::format("unknown type: \"{}\" for id: \"{}\" (valid values: [{}])",
                                    id.type, id.ToString(), fmt::join(valid, " "));
  if (const auto advice = AdviceForUpstreamType(kind, id.type); !advice.empty()) {
    return fmt::format("{}; the Collector has this {}, gapless has not: {}", message, NameOf(kind),
                       advice);
  }
  if (const std::string near = config::NearestHint(id.type, valid); !near.empty()) {
    return message + near;
  }
  return message + config::NearestHint(id.type, UpstreamTypes(kind));
}

// The configuration of one component; its decoding problems get upstream's words in front.
pipeline::ComponentConfigPtr DecodeComponent(const pipeline::TypeInfo& info,
                                             const config::ComponentEntry& entry,
                                             const std::string& path, Errors& errors) {
  static const Node null = {};
  Errors own;
  auto config = info.config.decode(entry.node != nullptr ? *entry.node : null, path, own);
  for (const config::Issue& issue : own.errors()) {
    errors.Add(issue.path, issue.mark,
               issue.stage == Stage::kDecode
                   ? fmt::format("error reading configuration for \"{}\": decoding failed due to "
                                 "the following error(s): {}",
                                 entry.id.ToString(), issue.message)
                   : issue.message,
               issue.stage);
  }
  for (const config::Issue& issue : own.warnings()) {
    errors.Warn(issue.path, issue.mark, issue.message);
  }
  return config;
}

void DecodeSection(const Node& root, Kind kind, const Factories& factories, Config& config,
                   Declared& declared, Errors& errors) {
  const std::string_view section = SectionOf(kind);
  Errors own;
  const auto entries = config::ParseComponentMap(root.Find(section), section, own);
  declared.broken = !own.ok();
  errors.Append(own);
  for (const auto& entry : entries) {
    declared.ids.insert(entry.id);
    const std::string path = JoinPath(section, entry.id.ToString());
    const pipeline::TypeInfo* info = factories.Find(kind, entry.id.type);
    if (info == nullptr) {
      errors.Add(path, entry.mark, UnknownType(entry.id, kind, factories), Stage::kDecode);
      continue;
    }
    config.Section(kind).emplace(entry.id,
                                 ComponentDef{.id = entry.id,
                                              .info = info,
                                              .config = DecodeComponent(*info, entry, path, errors),
                                              .mark = entry.mark});
  }
}

// A list of component IDs. `name`: as mapstructure writes the path.
std::vector<Reference> DecodeReferences(const Node* list, std::string_view path,
                                        const std::string& name, Errors& errors) {
  std::vector<Reference> references;
  if (list == nullptr || list->is_null()) {
    return references;
  }
  const auto fail = [&](const config::Mark& mark, std::string message) {
    errors.Add(path, mark, std::move(message), Stage::kDecode);
  };
  if (!list->is_list()) {
    fail(list->mark(), fmt::format("'{}' source data must be an array or slice, got {}", name,
                                   GoKindName(list->kind())));
    return references;
  }
  for (size_t i = 0; i < list->list().size(); ++i) {
    const Node& item = list->list()[i];
    if (!item.is_string()) {
      fail(item.mark(), fmt::format("'{}[{}]' expected a component ID, got \"{}\"", name, i,
                                    GoKindName(item.kind())));
      continue;
    }
    auto id = ComponentId::Parse(item.text());
    if (!id.ok()) {
      fail(item.mark(), fmt::format("'{}[{}]' {}", name, i, id.status().message()));
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

// Whether `node` is a map or null; otherwise a problem.
bool IsMap(const Node& node, std::string_view path, std::string_view name, Errors& errors) {
  if (!node.is_map() && !node.is_null()) {
    errors.Add(
        path, node.mark(),
        fmt::format("'{}' expected a map or struct, got \"{}\"", name, GoKindName(node.kind())),
        Stage::kDecode);
    return false;
  }
  return true;
}

template <size_t kSize>
void UnknownKeys(const Node& map, const char* const (&known)[kSize], std::string_view path,
                 std::string_view name, Errors& errors) {
  const std::vector<std::string> names(std::begin(known), std::end(known));
  for (const config::MapEntry& entry : map.map()) {
    if (std::ranges::find(names, entry.key) == names.end()) {
      errors.Add(path, entry.key_mark,
                 fmt::format("'{}' has invalid keys: {}{}", name, entry.key,
                             config::NearestHint(entry.key, names)),
                 Stage::kDecode);
    }
  }
}

std::optional<PipelineDef> DecodePipeline(const config::MapEntry& entry, Errors& errors) {
  const std::string path = JoinPath("service::pipelines", entry.key);
  const std::string name = fmt::format("service.pipelines[{}]", entry.key);
  const auto fail = [&](std::string message, Stage stage) {
    errors.Add("service::pipelines", entry.key_mark, std::move(message), stage);
    return std::nullopt;
  };
  auto id = ComponentId::Parse(entry.key);
  if (!id.ok()) {
    return fail(id.status().message(), Stage::kDecode);
  }
  if (id->type == "profiles") {
    return fail(fmt::format("pipeline \"{}\": profiling signal support is at alpha level, gated "
                            "under the \"service.profilesSupport\" feature gate; gapless carries "
                            "traces, metrics and logs",
                            id->ToString()),
                Stage::kValidate);
  }
  const auto signal = otlp::ParseSignal(id->type);
  if (!signal) {
    return fail(fmt::format("in \"{}\" id: unknown pipeline signal: \"{}\"{}", id->ToString(),
                            id->type, config::NearestHint(id->type, {"traces", "metrics", "logs"})),
                Stage::kDecode);
  }
  PipelineDef pipeline{.id = *id, .signal = *signal, .mark = entry.key_mark};
  if (!IsMap(entry.value, path, name, errors)) {
    return pipeline;
  }
  const auto unread = [&errors] {
    return std::ranges::count(errors.errors(), Stage::kDecode, &config::Issue::stage);
  };
  const auto before = unread();
  UnknownKeys(entry.value, kPipelineKeys, path, name, errors);
  const auto list = [&](const char* key) {
    return DecodeReferences(entry.value.Find(key), path, fmt::format("{}.{}", name, key), errors);
  };
  // Not told where the list could not be read or may stand under a misspelled key.
  const auto required = [&](const char* key, std::string_view one) {
    auto references = list(key);
    Collapse(references);
    if (references.empty() && unread() == before) {
      errors.Add(path, entry.key_mark, fmt::format("must have at least one {}", one));
    }
    return references;
  };
  pipeline.receivers = required("receivers", "receiver");
  pipeline.processors = list("processors");
  pipeline.exporters = required("exporters", "exporter");
  return pipeline;
}

void DecodePipelines(const Node* pipelines, const Node& root, Config& config, Errors& errors) {
  if (pipelines != nullptr && !pipelines->is_map() && !pipelines->is_null()) {
    errors.Add(
        "service::pipelines", pipelines->mark(),
        fmt::format("'service.pipelines' expected type 'pipelines.Config', got unconvertible "
                    "type '{}'",
                    GoTypeName(pipelines->kind())),
        Stage::kDecode);
    return;
  }
  if (pipelines == nullptr || pipelines->map().empty()) {
    errors.Add("service::pipelines", pipelines != nullptr ? pipelines->mark() : root.mark(),
               "service must have at least one pipeline");
    return;
  }
  for (const config::MapEntry& entry : pipelines->map()) {
    if (auto pipeline = DecodePipeline(entry, errors)) {
      if (config.Pipeline(pipeline->id) != nullptr) {
        errors.Add("service::pipelines", entry.key_mark,
                   fmt::format("duplicate name \"{}\"", pipeline->id.ToString()), Stage::kDecode);
        continue;
      }
      config.pipelines.push_back(*std::move(pipeline));
    }
  }
}

// A struct of the service section that has its own table.
template <typename T>
void DecodeTable(const Node& service, std::string_view key, const config::Table<T>& table, T& out,
                 Errors& errors) {
  static const Node null = {};
  const Node* written = service.Find(key);
  const Node& node = written != nullptr ? *written : null;
  const std::string path = JoinPath("service", key);
  Errors own;
  config::Decode(table, node, path, out, own, fmt::format("service.{}", key));
  if (own.ok()) {
    config::Validate(table, out, node, path, own);
  }
  errors.Append(own);
}

// Whether it had no problem.
bool DecodeService(const Node& root, Config& config, Errors& errors) {
  static const Node null = {};
  const Node* written = root.Find("service");
  const Node& service = written != nullptr ? *written : null;
  Errors own;
  if (IsMap(service, "service", "service", own)) {
    UnknownKeys(service, kServiceKeys, "service", "service", own);
    config.service_extensions = DecodeReferences(service.Find("extensions"), "service::extensions",
                                                 "service.extensions", own);
    Collapse(config.service_extensions);
    DecodePipelines(service.Find("pipelines"), root, config, own);
  }
  const bool graph_ok = own.ok();
  errors.Append(own);

  DecodeTable(service, "telemetry", TelemetryTable(), config.telemetry, errors);
  DecodeTable(service, "admin", AdminTable(), config.admin, errors);
  DecodeTable(service, "limits", LimitsTable(), config.limits, errors);
  return graph_ok;
}

}  // namespace

bool PipelineDef::Receives(const ComponentId& component) const {
  return std::ranges::find(receivers, component, &Reference::id) != receivers.end();
}

bool PipelineDef::Exports(const ComponentId& component) const {
  return std::ranges::find(exporters, component, &Reference::id) != exporters.end();
}

const ComponentDefs& Config::Section(Kind kind) const {
  const ComponentDefs* sections[] = {&receivers, &processors, &exporters, &connectors, &extensions};
  return *sections[static_cast<size_t>(kind)];
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
  UnknownKeys(root, kRootKeys, "", "", errors);
  Declarations declared;
  for (const Kind kind : kKinds) {
    DecodeSection(root, kind, factories, config, declared[static_cast<size_t>(kind)], errors);
  }
  for (const Kind kind : {Kind::kReceiver, Kind::kExporter}) {
    const Node* section = root.Find(SectionOf(kind));
    if (section == nullptr || section->is_null() || (section->is_map() && section->map().empty())) {
      errors.Add("", section != nullptr ? section->mark() : root.mark(),
                 fmt::format("no {} configuration specified in config", NameOf(kind)));
    }
  }
  const bool service_ok = DecodeService(root, config, errors);
  CheckConfig(config, declared, service_ok, errors);
  return config;
}

}  // namespace gapless::service
