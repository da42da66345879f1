// MemoryLimiter: refuses batches, retryably, while the process holds too much memory.
#pragma once

#include "pipeline/processor.h"
#include "processor/memory_limiter/watch.h"
#include "telemetry/metrics.h"

#include <memory>

namespace gapless::processor::memory_limiter {

// Stands before a journal, so that what it refuses was never acknowledged.
class MemoryLimiter final : public pipeline::Processor {
 public:
  // `retry_after`: what a refused client is told.
  MemoryLimiter(const pipeline::Settings& settings, otlp::Signal signal,
                std::shared_ptr<Watch> watch, Duration retry_after);

  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) override;

 private:
  const std::shared_ptr<Watch> watch_;
  const Duration retry_after_;
  const telemetry::Counter accepted_;
  const telemetry::Counter refused_;
  bool started_ = false;
};

}  // namespace gapless::processor::memory_limiter
