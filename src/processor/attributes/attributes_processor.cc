#include "processor/attributes/attributes_processor.h"

#include "otlp/scan.h"

#include <utility>

namespace gapless::processor::attributes {

class AttributesProcessor::Visitor final : public otlp::AttributesVisitor {
 public:
  Visitor(const Options& options, const Actions::Context& context)
      : options_(options), context_(context) {}

  void Visit(const otlp::AttributesPlace& place, otlp::AttributeList& attributes) override {
    if (Means(place, attributes)) {
      options_.actions.Apply(context_, attributes);
    }
  }

 private:
  bool Means(const otlp::AttributesPlace& place, const otlp::AttributeList& attributes) {
    if (!options_.include && !options_.exclude) {
      return true;
    }
    Enter(place);
    if (options_.include && !(included_ && options_.include->MatchesItem(place, attributes))) {
      return false;
    }
    return !options_.exclude || !excluded_ || !options_.exclude->MatchesItem(place, attributes);
  }

  // What resource and scope say is worked out once for all their items.
  void Enter(const otlp::AttributesPlace& place) {
    if (entered_ && place.resource.data() == resource_ && place.scope.data() == scope_) {
      return;
    }
    entered_ = true;
    resource_ = place.resource.data();
    scope_ = place.scope.data();
    included_ = options_.include && options_.include->MatchesGroup(place);
    excluded_ = options_.exclude && options_.exclude->MatchesGroup(place);
  }

  const Options& options_;
  const Actions::Context& context_;
  bool entered_ = false;
  const std::byte* resource_ = nullptr;
  const std::byte* scope_ = nullptr;
  bool included_ = false;
  bool excluded_ = false;
};

Result<std::optional<otlp::Batch>> AttributesProcessor::Process(otlp::Batch batch) {
  ASSIGN_OR_RETURN(otlp::Batch plain, otlp::Inflate(batch));
  const Actions::Context context = options_.actions.ContextOf(batch);
  Visitor visitor(options_, context);
  ASSIGN_OR_RETURN(auto edited,
                   otlp::EditAttributes(plain.body, plain.signal, options_.of, visitor));
  if (!edited) {
    return std::optional(std::move(batch));
  }
  plain.body = *std::move(edited);
  plain.raw_size = plain.body.size();
  if (options_.of == otlp::AttributesOf::kResources) {
    ASSIGN_OR_RETURN(plain.lanes, otlp::LanesOf(plain.body, plain.signal));
  }
  return std::optional(std::move(plain));
}

}  // namespace gapless::processor::attributes
