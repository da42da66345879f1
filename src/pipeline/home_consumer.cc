#include "pipeline/home_consumer.h"

namespace gapless::pipeline {

void HomeConsumer::Consume(otlp::Batch batch, Completion completion) {
  if (home_.InThread()) {
    inner_->Consume(std::move(batch), std::move(completion));
    return;
  }
  Loop* caller = Loop::Current();
  GAPLESS_CHECK(caller != nullptr);
  Completion there([caller, completion = std::move(completion)](Status status) mutable {
    caller->Post([completion = std::move(completion), status = std::move(status)]() mutable {
      completion(std::move(status));
    });
  });
  home_.Post([inner = inner_, batch = std::move(batch), there = std::move(there)]() mutable {
    inner->Consume(std::move(batch), std::move(there));
  });
}

}  // namespace gapless::pipeline
