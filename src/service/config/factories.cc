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

}  // namespace

std::string_view SectionOf(Kind kind) {
  constexpr std::string_view kSections[] = {"receivers", "processors", "exporters", "connectors",
                                            "extensions"};
  return kSections[static_cast<size_t>(kind)];
}

std::string_view NameOf(Kind kind) {
  const std::string_view section = SectionOf(kind);
  return section.substr(0, section.size() - 1);
}

std::vector<const pipeline::TypeInfo*> Factories::All(Kind kind) const {
  std::vector<const pipeline::TypeInfo*> all;
  const auto add = [&](Kind of, const auto& factories) {
    for (size_t i = 0; of == kind && i < factories.size(); ++i) {
      all.push_back(&factories[i].info);
    }
  };
  add(Kind::kReceiver, receivers);
  add(Kind::kProcessor, processors);
  add(Kind::kExporter, exporters);
  add(Kind::kConnector, connectors);
  add(Kind::kExtension, extensions);
  add(Kind::kExtension, storages);
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
