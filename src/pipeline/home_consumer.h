// HomeConsumer: takes batches on any worker and hands them to a consumer on its home worker; the
// answer travels back.
#pragma once

#include "base/loop.h"
#include "pipeline/consumer.h"

#include <memory>
#include <utility>

namespace gapless::pipeline {

class HomeConsumer final : public Consumer {
 public:
  // `home` outlives the consumer. `inner` is called on it only, and lives until the last batch
  // under way reached it.
  HomeConsumer(Loop& home, std::shared_ptr<Consumer> inner)
      : home_(home), inner_(std::move(inner)) {}

  void Consume(otlp::Batch batch, Completion completion) override;

 private:
  Loop& home_;
  const std::shared_ptr<Consumer> inner_;
};

}  // namespace gapless::pipeline
