#include "service/graph/ingest.h"

#include <utility>

namespace gapless::service {
namespace {

constexpr Duration kMemberPatience = std::chrono::seconds(5);

// One request on its way through a FanOut. On the calling worker only: completions fire where
// Consume was called.
class Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  Gathering(size_t members, pipeline::Completion completion)
      : answered_(members), completion_(std::move(completion)) {}

  // Members that only store are not waited for longer than this.
  void LimitPatience(std::vector<size_t> storing) {
    Loop* loop = Loop::Current();
    if (loop == nullptr || waiting_ == 0) {
      return;
    }
    patience_ =
        loop->RunAfter(kMemberPatience, [self = shared_from_this(), storing = std::move(storing)] {
          for (const size_t member : storing) {
            self->Answer(member, false, Unavailable("no answer within 5s"));
          }
        });
  }

  void Expect() { ++waiting_; }

  void Answer(size_t member, bool decides, Status status) {
    if (answered_[member]) {
      return;
    }
    answered_[member] = true;
    if (status.ok()) {
      stored_ = true;
    } else {
      if (first_error_.ok() || (decides && !failed_)) {
        first_error_ = status;
      }
      failed_ = failed_ || decides;
    }
    if (--waiting_ == 0) {
      patience_.Cancel();
      completion_(stored_ && !failed_ ? OkStatus() : first_error_);
    }
  }

 private:
  std::vector<bool> answered_;
  pipeline::Completion completion_;
  size_t waiting_ = 0;
  bool stored_ = false;
  bool failed_ = false;
  Status first_error_;
  Timer patience_;
};

}  // namespace

void Junction::Consume(otlp::Batch batch, pipeline::Completion completion) {
  const auto target = target_.Get();
  if (!target) {
    completion(Unavailable("no pipeline takes this signal at the moment"));
    return;
  }
  target->Consume(std::move(batch), std::move(completion));
}

void FanOut::Consume(otlp::Batch batch, pipeline::Completion completion) {
  auto gathering = std::make_shared<Gathering>(members_.size(), std::move(completion));
  std::vector<size_t> storing;
  for (size_t i = 0; i < members_.size(); ++i) {
    gathering->Expect();
    if (!members_[i].decides) {
      storing.push_back(i);
    }
  }
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i].consumer->Consume(
        batch, pipeline::Completion([gathering, i, decides = members_[i].decides](Status status) {
          gathering->Answer(i, decides, std::move(status));
        }));
  }
  gathering->LimitPatience(std::move(storing));
}

void PipelineNode::Consume(otlp::Batch batch, pipeline::Completion completion) {
  for (const auto& processor : processors_) {
    auto processed = processor->Process(std::move(batch));
    if (!processed.ok()) {
      completion(processed.status());
      return;
    }
    if (!*processed) {
      completion(OkStatus());
      return;
    }
    batch = std::move(**processed);
  }
  next_->Consume(std::move(batch), std::move(completion));
}

std::shared_ptr<pipeline::Consumer> Join(std::vector<FanOut::Member> members) {
  if (members.size() == 1) {
    return members.front().consumer;
  }
  return std::make_shared<FanOut>(std::move(members));
}

}  // namespace gapless::service
