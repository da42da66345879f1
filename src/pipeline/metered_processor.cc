#include "pipeline/metered_processor.h"

#include "base/clock.h"
#include "telemetry/inventory.h"

#include <chrono>
#include <utility>

namespace gapless::pipeline {
namespace {

using telemetry::Metric;

telemetry::Labels LabelsOf(const Settings& settings, otlp::Signal signal) {
  return {{"processor", settings.id.ToString()},
          {"otel_signal", std::string(otlp::Names(signal).name)}};
}

}  // namespace

MeteredProcessor::MeteredProcessor(const Settings& settings, otlp::Signal signal,
                                   std::unique_ptr<Processor> processor)
    : processor_(std::move(processor)),
      incoming_(settings.metrics.GetCounter(Metric("otelcol_processor_incoming_items"),
                                            LabelsOf(settings, signal))),
      outgoing_(settings.metrics.GetCounter(Metric("otelcol_processor_outgoing_items"),
                                            LabelsOf(settings, signal))),
      duration_(settings.metrics.GetHistogram(Metric("otelcol_processor_internal_duration"),
                                              LabelsOf(settings, signal))) {}

Result<std::optional<otlp::Batch>> MeteredProcessor::Process(otlp::Batch batch) {
  incoming_.Add(batch.items);
  const TimePoint begin = MonotonicNow();
  auto processed = processor_->Process(std::move(batch));
  duration_.Observe(std::chrono::duration<double>(MonotonicNow() - begin).count());
  if (processed.ok() && *processed) {
    outgoing_.Add((**processed).items);
  }
  return processed;
}

}  // namespace gapless::pipeline
