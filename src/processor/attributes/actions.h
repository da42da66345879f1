// Actions: what the attributes and resource processors do to one list of attributes. Behaviour and
// error texts are upstream's (internal/coreinternal/attraction).
//
// Immutable after compiling; any thread.
#pragma once

#include "otlp/attributes_edit.h"
#include "otlp/batch.h"
#include "processor/attributes/config.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::processor::attributes {

// A configured value as a serialized AnyValue; lists and maps included.
std::string EncodeValue(const config::Node& value);

class Actions {
 public:
  // INVALID_ARGUMENT in upstream's words.
  static Result<Actions> Compile(const std::vector<ActionConfig>& config);
  Actions(Actions&&) noexcept;
  ~Actions();

  // What `from_context` of each action gives for a batch: a serialized AnyValue, none if there is
  // no such metadata.
  using Context = std::vector<std::optional<std::string>>;
  Context ContextOf(const otlp::Batch& batch) const;
  bool wants_client_address() const;

  // `context` of this batch; it and these actions outlive the edit that the list belongs to.
  void Apply(const Context& context, otlp::AttributeList& attributes) const;

 private:
  struct Action;
  Actions();
  std::vector<Action> actions_;
};

}  // namespace gapless::processor::attributes
