// HomeConsumer: takes batches on any worker and hands them to a function on one worker; the answer
// travels back.
#pragma once

#include "base/loop.h"
#include "pipeline/consumer.h"

#include <functional>
#include <utility>

namespace gapless::pipeline {

class HomeConsumer final : public Consumer {
 public:
  using Function = std::move_only_function<void(otlp::Batch, Completion)>;

  // `home` outlives the consumer; `consume` is called on it only.
  HomeConsumer(Loop& home, Function consume) : home_(home), consume_(std::move(consume)) {}

  void Consume(otlp::Batch batch, Completion completion) override;

 private:
  Loop& home_;
  Function consume_;
};

}  // namespace gapless::pipeline
