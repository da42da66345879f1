#include "journal/checkpointer.h"

#include <utility>

namespace gapless::journal {

std::optional<Duration> CheckpointSchedule::Changed() {
  dirty_ = true;
  if (in_flight_ || stopped_ || next_ == Next::kChange) {
    return std::nullopt;
  }
  next_ = Next::kChange;
  return kInterval;
}

bool CheckpointSchedule::Begin(bool due) {
  dirty_ = false;
  in_flight_ = true;
  return std::exchange(next_, Next::kNone) == Next::kTrim && due;
}

std::optional<Duration> CheckpointSchedule::End(bool ok, bool keeps_many) {
  in_flight_ = false;
  dirty_ |= !ok;
  if (stopped_ || (!dirty_ && !keeps_many)) {
    return std::nullopt;
  }
  next_ = dirty_ ? Next::kChange : Next::kTrim;
  return !dirty_ ? kTrimAfter : ok ? kInterval : kRetry;
}

void Checkpointer::Stop() {
  schedule_.Stop();
  timer_.Cancel();
}

void Checkpointer::Schedule(std::optional<Duration> delay) {
  if (delay) {
    timer_ = home_.RunAfter(*delay, [this] { Begin(/*due=*/true); });
  }
}

void Checkpointer::Begin(bool due) {
  if (schedule_.in_flight()) {
    return;
  }
  timer_.Cancel();
  const bool quiet = schedule_.Begin(due);
  queue_.WriteCheckpoint({.sequence = next_,
                          .encoded = host_.Snapshot(next_),
                          .released = host_.Releasable(),
                          .quiet = quiet},
                         [this](const CheckpointResult& result) { OnWritten(result); });
}

void Checkpointer::OnWritten(const CheckpointResult& result) {
  if (result.status.ok()) {
    ++next_;
  } else {
    log_.Log(options_.log, telemetry::LogLevel::kError, home_.Now(),
             "the journal cannot write its checkpoint",
             {{"directory", options_.directory}, {"error", result.status}});
  }
  Schedule(schedule_.End(result.status.ok(), result.keeps_many));
  host_.OnCheckpoint(result);
}

}  // namespace gapless::journal
