#include "extension/file_storage/factory.h"

#include "extension/file_storage/storage.h"
#include "io/posix_file_system.h"

namespace gapless::extension::file_storage {

queue::StorageFactory Factory() {
  return {
      .info = {.type = "file_storage", .config = pipeline::SpecOf<Config, ConfigTable>()},
      .create =
          [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
             std::shared_ptr<journal::Budget> memory) -> std::unique_ptr<queue::JournalStorage> {
        return std::make_unique<FileStorage>(pipeline::ValueOf<Config>(*config),
                                             io::PosixFileSystem(), settings.log,
                                             std::move(memory));
      }};
}

}  // namespace gapless::extension::file_storage
