#include "extension/health_check/factory.h"

#include "extension/health_check/health_check.h"

namespace gapless::extension::health_check {

pipeline::ExtensionFactory Factory() {
  return {
      .info = {.type = "health_check", .config = pipeline::SpecOf<Config, ConfigTable>()},
      .create = [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                   const pipeline::StatusSource& health) -> std::unique_ptr<pipeline::Component> {
        return std::make_unique<HealthCheck>(std::move(settings),
                                             pipeline::ValueOf<Config>(*config), health);
      }};
}

}  // namespace gapless::extension::health_check
