#include "service/config/factories.h"

#include <algorithm>

namespace gapless::service {
namespace {

bool Is(const pipeline::TypeInfo& info, std::string_view type) {
  return info.type == type || (!info.alias.empty() && info.alias == type);
}

template <typename F>
const F* FindIn(const std::vector<F>& factories, std::string_view type) {
  const auto it = std::ranges::find_if(factories, [&](const F& f) { return Is(f.info, type); });
  return it == factories.end() ? nullptr : &*it;
}

template <typename F>
void Collect(const std::vector<F>& factories, std::vector<const pipeline::TypeInfo*>& out) {
  for (const F& factory : factories) {
    out.push_back(&factory.info);
  }
}

}  // namespace

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kReceiver:
      return "receiver";
    case Kind::kProcessor:
      return "processor";
    case Kind::kExporter:
      return "exporter";
    case Kind::kConnector:
      return "connector";
    case Kind::kExtension:
      return "extension";
  }
  return "component";
}

std::string_view SectionOf(Kind kind) {
  switch (kind) {
    case Kind::kReceiver:
      return "receivers";
    case Kind::kProcessor:
      return "processors";
    case Kind::kExporter:
      return "exporters";
    case Kind::kConnector:
      return "connectors";
    case Kind::kExtension:
      return "extensions";
  }
  return "components";
}

std::vector<const pipeline::TypeInfo*> Factories::All(Kind kind) const {
  std::vector<const pipeline::TypeInfo*> all;
  switch (kind) {
    case Kind::kReceiver:
      Collect(receivers, all);
      break;
    case Kind::kProcessor:
      Collect(processors, all);
      break;
    case Kind::kExporter:
      Collect(exporters, all);
      break;
    case Kind::kConnector:
      Collect(connectors, all);
      break;
    case Kind::kExtension:
      Collect(extensions, all);
      Collect(storages, all);
      break;
  }
  return all;
}

const pipeline::TypeInfo* Factories::Find(Kind kind, std::string_view type) const {
  for (const pipeline::TypeInfo* info : All(kind)) {
    if (Is(*info, type)) {
      return info;
    }
  }
  return nullptr;
}

const pipeline::ReceiverFactory* Factories::Receiver(std::string_view type) const {
  return FindIn(receivers, type);
}
const pipeline::ProcessorFactory* Factories::Processor(std::string_view type) const {
  return FindIn(processors, type);
}
const queue::ExporterFactory* Factories::Exporter(std::string_view type) const {
  return FindIn(exporters, type);
}
const queue::ConnectorFactory* Factories::Connector(std::string_view type) const {
  return FindIn(connectors, type);
}
const pipeline::ExtensionFactory* Factories::Extension(std::string_view type) const {
  return FindIn(extensions, type);
}
const queue::StorageFactory* Factories::Storage(std::string_view type) const {
  return FindIn(storages, type);
}
const queue::MergingProcessor* Factories::Merging(std::string_view type) const {
  const auto it = std::ranges::find(merging, type, &queue::MergingProcessor::type);
  return it == merging.end() ? nullptr : &*it;
}

}  // namespace gapless::service
