#include "connector/failover/factory.h"

#include "connector/failover/config.h"

namespace gapless::connector::failover {

queue::ConnectorFactory Factory() {
  return {.info = {.type = "failover", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .failover = [](const pipeline::ComponentConfig& config) {
            return ToPlan(pipeline::ValueOf<Config>(config));
          }};
}

}  // namespace gapless::connector::failover
