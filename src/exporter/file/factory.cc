#include "exporter/file/factory.h"

#include "exporter/file/file_exporter.h"
#include "io/posix_file_system.h"

namespace gapless::exporter::file {

queue::ExporterFactory Factory() {
  return {.info = {.type = "file", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings,
                       pipeline::ComponentConfigPtr config) -> std::unique_ptr<sending::Exporter> {
            return std::make_unique<FileExporter>(settings, pipeline::ValueOf<Config>(*config),
                                                  io::PosixFileSystem());
          },
          .delivery =
              [](const pipeline::ComponentConfig& config) {
                return pipeline::ValueOf<Config>(config).delivery.ToSettings();
              }};
}

}  // namespace gapless::exporter::file
