// One level of a queue: where its units go. It completes a unit when all its paths did.
#pragma once

#include "pipeline/processor.h"
#include "routing/health_check.h"
#include "sending/sender.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::queue {

struct QueueLevel {
  struct Path {
    std::vector<std::shared_ptr<pipeline::Processor>> processors;
    std::shared_ptr<sending::Sender> sender;
  };
  // A page that has a say in whether the level is used.
  struct Health {
    sending::HealthCheckSettings settings;
    std::shared_ptr<routing::HealthAsker> asker;
  };
  std::string name;
  std::vector<Path> paths;
  std::vector<Health> health = {};  // well is what all pages call well
};

}  // namespace gapless::queue
