#include "exporter/otlp_http/factory.h"

#include "exporter/otlp_http/otlp_http_exporter.h"

namespace gapless::exporter::otlp_http {

queue::ExporterFactory Factory() {
  return {.info = {.type = "otlp_http",
                   .alias = "otlphttp",
                   .stability = "stable",
                   .config = pipeline::SpecOf<Config, ConfigTable>(),
                   .check =
                       [](const pipeline::ComponentConfig& config, otlp::Signal signal) {
                         return pipeline::ValueOf<Config>(config).CheckSignal(signal);
                       }},
          .create = [](pipeline::Settings settings,
                       pipeline::ComponentConfigPtr config) -> std::unique_ptr<sending::Exporter> {
            return std::make_unique<OtlpHttpExporter>(settings, pipeline::ValueOf<Config>(*config));
          },
          .delivery =
              [](const pipeline::ComponentConfig& config) {
                return pipeline::ValueOf<Config>(config).delivery.ToSettings();
              }};
}

}  // namespace gapless::exporter::otlp_http
