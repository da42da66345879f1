// AttributesProcessor: the `attributes` and the `resource` processor, which differ in whose
// attributes they change.
#pragma once

#include "otlp/attributes_edit.h"
#include "pipeline/processor.h"
#include "processor/attributes/actions.h"
#include "processor/attributes/match.h"

#include <optional>

namespace gapless::processor::attributes {

// Holds no data and cannot fail on a validated batch. A batch without a change goes on as it came,
// compressed if it came so. Any thread.
class AttributesProcessor final : public pipeline::Processor {
 public:
  struct Options {
    otlp::AttributesOf of = otlp::AttributesOf::kItems;
    Actions actions;
    std::optional<Matcher> include;
    std::optional<Matcher> exclude;
  };
  explicit AttributesProcessor(Options options) : options_(std::move(options)) {}

  Status Start() override { return OkStatus(); }
  void Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) override { done(); }
  Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) override;
  bool wants_client_address() const override { return options_.actions.wants_client_address(); }

 private:
  class Visitor;

  const Options options_;
};

}  // namespace gapless::processor::attributes
