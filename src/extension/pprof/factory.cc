#include "extension/pprof/factory.h"

#include "extension/pprof/pprof.h"

namespace gapless::extension::pprof {

pipeline::ExtensionFactory Factory() {
  return {.info = {.type = "pprof", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create =
              [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                 const pipeline::StatusSource& /*status*/) -> std::unique_ptr<pipeline::Component> {
            return std::make_unique<Pprof>(std::move(settings), pipeline::ValueOf<Config>(*config));
          }};
}

}  // namespace gapless::extension::pprof
