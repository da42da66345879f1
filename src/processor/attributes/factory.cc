#include "processor/attributes/factory.h"

#include "processor/attributes/attributes_processor.h"
#include "processor/attributes/config.h"

#include <utility>

namespace gapless::processor::attributes {
namespace {

// Precondition of both: the configuration was validated, for the signal too.
std::optional<Matcher> Compile(const std::optional<MatchConfig>& config, otlp::Signal signal) {
  return config ? Matcher::Compile(*config, signal).value() : std::nullopt;
}

Actions Compile(const std::vector<ActionConfig>& config) {
  return Actions::Compile(config).value();
}

}  // namespace

pipeline::ProcessorFactory Factory() {
  return {.info = {.type = "attributes",
                   .config = pipeline::SpecOf<AttributesConfig, AttributesTable>(),
                   .check =
                       [](const pipeline::ComponentConfig& config, otlp::Signal signal) {
                         return CheckSignal(pipeline::ValueOf<AttributesConfig>(config), signal);
                       }},
          .create = [](pipeline::Settings /*settings*/, pipeline::ComponentConfigPtr config,
                       otlp::Signal signal) -> std::unique_ptr<pipeline::Processor> {
            const auto& value = pipeline::ValueOf<AttributesConfig>(*config);
            return std::make_unique<AttributesProcessor>(
                AttributesProcessor::Options{.of = otlp::AttributesOf::kItems,
                                             .actions = Compile(value.actions),
                                             .include = Compile(value.include, signal),
                                             .exclude = Compile(value.exclude, signal)});
          }};
}

pipeline::ProcessorFactory ResourceFactory() {
  return {.info = {.type = "resource", .config = pipeline::SpecOf<ResourceConfig, ResourceTable>()},
          .create = [](pipeline::Settings /*settings*/, pipeline::ComponentConfigPtr config,
                       otlp::Signal /*signal*/) -> std::unique_ptr<pipeline::Processor> {
            return std::make_unique<AttributesProcessor>(AttributesProcessor::Options{
                .of = otlp::AttributesOf::kResources,
                .actions = Compile(pipeline::ValueOf<ResourceConfig>(*config).attributes),
                .include = std::nullopt,
                .exclude = std::nullopt});
          }};
}

}  // namespace gapless::processor::attributes
