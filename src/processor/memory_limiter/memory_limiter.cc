#include "processor/memory_limiter/memory_limiter.h"

#include "telemetry/inventory.h"

#include <utility>

namespace gapless::processor::memory_limiter {
namespace {

constexpr auto kAccepted = telemetry::MetricsBySignal("otelcol_processor_memory_limiter_accepted_");
constexpr auto kRefused = telemetry::MetricsBySignal("otelcol_processor_memory_limiter_refused_");

telemetry::Counter CounterOf(const auto& defs, const pipeline::Settings& settings,
                             otlp::Signal signal) {
  return settings.metrics.GetCounter(*defs[static_cast<size_t>(signal)],
                                     {{"processor", settings.id.ToString()}});
}

}  // namespace

MemoryLimiter::MemoryLimiter(const pipeline::Settings& settings, otlp::Signal signal,
                             std::shared_ptr<Watch> watch, Duration retry_after)
    : watch_(std::move(watch)),
      retry_after_(retry_after),
      accepted_(CounterOf(kAccepted, settings, signal)),
      refused_(CounterOf(kRefused, settings, signal)) {}

Status MemoryLimiter::Start() {
  started_ = true;
  watch_->Start();
  return OkStatus();
}

void MemoryLimiter::Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) {
  if (std::exchange(started_, false)) {
    watch_->Stop();
  }
  done();
}

Result<std::optional<otlp::Batch>> MemoryLimiter::Process(otlp::Batch batch) {
  if (watch_->refusing()) {
    refused_.Add(batch.items);
    return Unavailable("data refused due to high memory usage").WithRetryAfter(retry_after_);
  }
  accepted_.Add(batch.items);
  return std::optional(std::move(batch));
}

}  // namespace gapless::processor::memory_limiter
