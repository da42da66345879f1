#include "processor/batch/factory.h"

#include "processor/batch/config.h"

namespace gapless::processor::batch {

pipeline::ProcessorFactory Factory() {
  return {.info = {.type = "batch", .config = pipeline::SpecOf<Config, ConfigTable>()}};
}

queue::MergingProcessor Merging() {
  return {.type = "batch", .settings = [](const pipeline::ComponentConfig& config) {
            return ToSettings(pipeline::ValueOf<Config>(config));
          }};
}

}  // namespace gapless::processor::batch
