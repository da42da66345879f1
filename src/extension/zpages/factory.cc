#include "extension/zpages/factory.h"

#include "extension/zpages/zpages.h"

namespace gapless::extension::zpages {

pipeline::ExtensionFactory Factory() {
  return {
      .info = {.type = "zpages", .config = pipeline::SpecOf<Config, ConfigTable>()},
      .create = [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                   const pipeline::StatusSource& status) -> std::unique_ptr<pipeline::Component> {
        return std::make_unique<Zpages>(std::move(settings), pipeline::ValueOf<Config>(*config),
                                        status);
      }};
}

}  // namespace gapless::extension::zpages
