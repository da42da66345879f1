#include "cli/config/print_config.h"

#include "config/fields.h"
#include "queue/factory.h"
#include "service/config/telemetry_config.h"

namespace gapless::cli {
namespace {

using config::Node;

Node PrintSection(const service::Config& config, service::Kind kind, config::Secrets secrets) {
  Node section = Node::Map();
  for (const auto& [id, def] : config.Section(kind)) {
    section.Set(id.ToString(), def.config->Print(secrets));
  }
  return section;
}

Node PrintReferences(const std::vector<service::Reference>& references) {
  Node list = Node::List({});
  for (const service::Reference& reference : references) {
    list.list().push_back(Node::String(reference.id.ToString()));
  }
  return list;
}

Node PrintService(const service::Config& config, config::Secrets secrets) {
  Node pipelines = Node::Map();
  for (const service::PipelineDef& pipeline : config.pipelines) {
    Node& node = pipelines.Set(pipeline.id.ToString(), Node::Map());
    node.Set("receivers", PrintReferences(pipeline.receivers));
    node.Set("processors", PrintReferences(pipeline.processors));
    node.Set("exporters", PrintReferences(pipeline.exporters));
  }
  Node node = Node::Map();
  node.Set("extensions", PrintReferences(config.service_extensions));
  node.Set("pipelines", std::move(pipelines));
  node.Set("telemetry", config::Print(service::TelemetryTable(), config.telemetry, secrets));
  node.Set("admin", config::Print(service::AdminTable(), config.admin, secrets));
  node.Set("limits", config::Print(service::LimitsTable(), config.limits, secrets));
  return node;
}

void Comment(config::MapEntry& entry, std::string_view text) {
  entry.comment += entry.comment.empty() ? "" : "\n";
  entry.comment += text;
}

config::MapEntry* FindEntry(Node& root, service::Kind kind, std::string_view id) {
  if (Node* section = root.Find(service::SectionOf(kind))) {
    for (config::MapEntry& entry : section->map()) {
      if (entry.key == id) {
        return &entry;
      }
    }
  }
  return nullptr;
}

// Above the component that begins the note ("failover (traces): …"), else above everything.
void Place(Node& root, const std::string& note) {
  const std::string_view id = std::string_view(note).substr(0, note.find(" ("));
  for (const service::Kind kind : {service::Kind::kConnector, service::Kind::kExporter}) {
    if (config::MapEntry* entry = FindEntry(root, kind, id)) {
      return Comment(*entry, note);
    }
  }
  Comment(root.map().front(), note);
}

// Keys of a failover's queue that the planner takes from its levels unless they are written:
// printed, they would be written.
void LeaveOutLifted(const service::Config& config, const service::Factories& factories,
                    Node& root) {
  for (const auto& [id, def] : config.connectors) {
    const auto* factory = factories.Connector(id.type);
    if (factory->failover == nullptr) {
      continue;
    }
    const config::WrittenKeys written = factory->failover(*def.config).queue_written;
    Node* queue =
        FindEntry(root, service::Kind::kConnector, id.ToString())->value.Find("sending_queue");
    std::erase_if(queue->map(), [&](const config::MapEntry& entry) {
      const bool lifted =
          entry.key == "queue_size" || entry.key == "sizer" || entry.key == "storage";
      return lifted && !written.IsSet(entry.key);
    });
  }
}

}  // namespace

Node PrintConfig(const service::Config& config, const service::Factories& factories,
                 const std::vector<std::string>& notes, config::Secrets secrets) {
  Node root = Node::Map();
  for (const service::Kind kind : service::kKinds) {
    Node section = PrintSection(config, kind, secrets);
    if (!section.map().empty()) {
      root.Set(service::SectionOf(kind), std::move(section));
    }
  }
  root.Set("service", PrintService(config, secrets));
  for (const auto& [id, def] : config.processors) {
    if (factories.Merging(def.info->type) != nullptr) {
      Comment(*FindEntry(root, service::Kind::kProcessor, id.ToString()),
              "carried out by the queues behind its pipelines: a request is stored first and "
              "merged when it is sent");
    }
  }
  LeaveOutLifted(config, factories, root);
  for (const std::string& note : notes) {
    Place(root, note);
  }
  return root;
}

}  // namespace gapless::cli
