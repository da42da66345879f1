#include "processor/queuebatch/factory.h"

#include "processor/queuebatch/config.h"

namespace gapless::processor::queuebatch {

pipeline::ProcessorFactory Factory() {
  return {.info = {.type = "queuebatch", .config = pipeline::SpecOf<Config, ConfigTable>()}};
}

queue::MergingProcessor Merging() {
  return {.type = "queuebatch", .settings = [](const pipeline::ComponentConfig& config) {
            return ToSettings(pipeline::ValueOf<Config>(config));
          }};
}

}  // namespace gapless::processor::queuebatch
