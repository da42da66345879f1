// Consumer: the one verb between nodes of the graph.
#pragma once

#include "otlp/batch.h"
#include "pipeline/completion.h"

namespace gapless::pipeline {

// Ownership of the batch moves in; the completion says what became of it. May be called on any
// worker. A consumer whose work belongs to another worker hops there and back by itself.
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual void Consume(otlp::Batch batch, Completion completion) = 0;
};

}  // namespace gapless::pipeline
