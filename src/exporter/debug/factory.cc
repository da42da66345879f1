#include "exporter/debug/factory.h"

#include "exporter/debug/debug_exporter.h"

namespace gapless::exporter::debug {

queue::ExporterFactory Factory() {
  return {.info = {.type = "debug", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings,
                       pipeline::ComponentConfigPtr config) -> std::unique_ptr<sending::Exporter> {
            return std::make_unique<DebugExporter>(settings, pipeline::ValueOf<Config>(*config));
          },
          .delivery =
              [](const pipeline::ComponentConfig& config) {
                return ToSettings(pipeline::ValueOf<Config>(config));
              }};
}

}  // namespace gapless::exporter::debug
