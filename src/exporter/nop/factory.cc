#include "exporter/nop/factory.h"

#include "exporter/nop/nop_exporter.h"

namespace gapless::exporter::nop {

queue::ExporterFactory Factory() {
  return {.info = {.type = "nop", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings,
                       pipeline::ComponentConfigPtr config) -> std::unique_ptr<sending::Exporter> {
            return std::make_unique<NopExporter>(settings, pipeline::ValueOf<Config>(*config));
          },
          .delivery =
              [](const pipeline::ComponentConfig& /*config*/) {
                return sending::DeliverySettings{.timeout = Duration(0),
                                                 .retry = {.enabled = false},
                                                 .queue = {.enabled = false}};
              }};
}

}  // namespace gapless::exporter::nop
