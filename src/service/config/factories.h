// The component types that this binary has; filled in by cli/config/components.cc, looked up here.
#pragma once

#include "pipeline/factory.h"
#include "queue/factory.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::service {

enum class Kind : uint8_t { kReceiver, kProcessor, kExporter, kConnector, kExtension };
inline constexpr Kind kKinds[] = {Kind::kReceiver, Kind::kProcessor, Kind::kExporter,
                                  Kind::kConnector, Kind::kExtension};
// "receiver" and "receivers".
std::string_view NameOf(Kind kind);
std::string_view SectionOf(Kind kind);

struct Factories {
  std::vector<pipeline::ReceiverFactory> receivers;
  std::vector<pipeline::ProcessorFactory> processors;
  std::vector<queue::MergingProcessor> merging;
  std::vector<queue::ExporterFactory> exporters;
  std::vector<queue::ConnectorFactory> connectors;
  std::vector<pipeline::ExtensionFactory> extensions;
  std::vector<queue::StorageFactory> storages;

  // By type or alias; null: unknown.
  const pipeline::TypeInfo* Find(Kind kind, std::string_view type) const;
  std::vector<const pipeline::TypeInfo*> All(Kind kind) const;
  const queue::ExporterFactory* Exporter(std::string_view type) const;
  const queue::ConnectorFactory* Connector(std::string_view type) const;
  const pipeline::ReceiverFactory* Receiver(std::string_view type) const;
  const pipeline::ProcessorFactory* Processor(std::string_view type) const;
  const queue::MergingProcessor* Merging(std::string_view type) const;
  const pipeline::ExtensionFactory* Extension(std::string_view type) const;
  const queue::StorageFactory* Storage(std::string_view type) const;
};

}  // namespace gapless::service
