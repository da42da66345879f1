// One level of a queue: where its units go. It completes a unit when all its paths did.
#pragma once

#include "delivery/sender.h"
#include "pipeline/processor.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::delivery {

struct QueueLevel {
  struct Path {
    std::vector<std::shared_ptr<pipeline::Processor>> processors;
    std::shared_ptr<Sender> sender;
  };
  std::string name;
  std::vector<Path> paths;
};

}  // namespace gapless::delivery
