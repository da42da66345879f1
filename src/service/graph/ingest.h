// The nodes in front of the queues: Junction, PipelineNode, FanOut. Called on any worker; immutable
// after building.
#pragma once

#include "base/snapshot.h"
#include "pipeline/consumer.h"
#include "pipeline/processor.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::service {

// What a receiver sees: it stays the same while the graph behind it is exchanged by a reload.
class Junction final : public pipeline::Consumer {
 public:
  // Null: nobody listens; requests are refused as retryable.
  void SetTarget(std::shared_ptr<pipeline::Consumer> target) { target_.Set(std::move(target)); }
  void Consume(otlp::Batch batch, pipeline::Completion completion) override;

 private:
  Snapshot<pipeline::Consumer> target_;
};

// Sends the batch to every member (bytes are shared) and answers when every member has stored or
// refused it: OK if at least one stored it and no deciding member failed. A member silent for 5 s
// counts as refusing; a deciding one answers by itself, however long it takes.
class FanOut final : public pipeline::Consumer {
 public:
  struct Member {
    std::shared_ptr<pipeline::Consumer> consumer;
    // Its failure fails the request (sending_queue off), as upstream.
    bool decides = false;
  };
  explicit FanOut(std::vector<Member> members) : members_(std::move(members)) {}
  void Consume(otlp::Batch batch, pipeline::Completion completion) override;

 private:
  const std::vector<Member> members_;
};

// The processors of one pipeline, then what they feed.
class PipelineNode final : public pipeline::Consumer {
 public:
  PipelineNode(std::vector<std::shared_ptr<pipeline::Processor>> processors,
               std::shared_ptr<pipeline::Consumer> next)
      : processors_(std::move(processors)), next_(std::move(next)) {}
  void Consume(otlp::Batch batch, pipeline::Completion completion) override;

 private:
  const std::vector<std::shared_ptr<pipeline::Processor>> processors_;
  const std::shared_ptr<pipeline::Consumer> next_;
};

// One member as it is; several behind a FanOut.
std::shared_ptr<pipeline::Consumer> Join(std::vector<FanOut::Member> members);

}  // namespace gapless::service
