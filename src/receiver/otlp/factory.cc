#include "receiver/otlp/factory.h"

#include "receiver/otlp/config.h"
#include "receiver/otlp/otlp_receiver.h"

#include <utility>

namespace gapless::otlp_receiver {

pipeline::ReceiverFactory Factory() {
  return {.info = {.type = "otlp",
                   .stability = "stable",
                   .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                       const pipeline::Outputs& outputs) -> std::unique_ptr<pipeline::Component> {
            return std::make_unique<OtlpReceiver>(std::move(settings),
                                                  pipeline::ValueOf<Config>(*config), outputs);
          }};
}

}  // namespace gapless::otlp_receiver
