#include "exporter/otlp_grpc/factory.h"

#include "exporter/otlp_grpc/otlp_grpc_exporter.h"

namespace gapless::exporter::otlp_grpc {

queue::ExporterFactory Factory() {
  return {.info = {.type = "otlp_grpc",
                   .alias = "otlp",
                   .stability = "stable",
                   .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings,
                       pipeline::ComponentConfigPtr config) -> std::unique_ptr<sending::Exporter> {
            return std::make_unique<OtlpGrpcExporter>(settings, pipeline::ValueOf<Config>(*config));
          },
          .delivery =
              [](const pipeline::ComponentConfig& config) {
                return pipeline::ValueOf<Config>(config).delivery.ToSettings();
              }};
}

}  // namespace gapless::exporter::otlp_grpc
