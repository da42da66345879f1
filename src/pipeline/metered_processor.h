// MeteredProcessor: counts what goes into and comes out of another processor, as upstream's
// processorhelper does: otelcol_processor_incoming_items, _outgoing_items, _internal_duration.
#pragma once

#include "pipeline/processor.h"

#include <memory>

namespace gapless::pipeline {

class MeteredProcessor final : public Processor {
 public:
  // `settings` are those of the processor within.
  MeteredProcessor(const Settings& settings, otlp::Signal signal,
                   std::unique_ptr<Processor> processor);

  Status Start() override { return processor_->Start(); }
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override {
    processor_->Shutdown(deadline, std::move(done));
  }
  Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) override;
  bool wants_client_address() const override { return processor_->wants_client_address(); }

 private:
  const std::unique_ptr<Processor> processor_;
  const telemetry::Counter incoming_;
  const telemetry::Counter outgoing_;
  const telemetry::Histogram duration_;
};

}  // namespace gapless::pipeline
