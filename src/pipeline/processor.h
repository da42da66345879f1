// Processor: changes, filters or refuses one batch. Pure per batch, so the same processor serves in
// front of a journal and behind it.
#pragma once

#include "otlp/batch.h"
#include "pipeline/component.h"

#include <optional>

namespace gapless::pipeline {

class Processor : public Component {
 public:
  // Called on any worker, from several at once. Gives the batch to send on: the same one, a new one
  // with fewer or changed items, or none when no item is left. An error refuses the batch: the
  // client hears it.
  virtual Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) = 0;
  // Whether Process reads the address of the client: behind a journal it is there only if it was
  // stored with the request (otlp::WithClientAddress).
  virtual bool wants_client_address() const { return false; }
};

}  // namespace gapless::pipeline
