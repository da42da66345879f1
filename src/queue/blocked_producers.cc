#include "queue/blocked_producers.h"

#include <utility>
#include <vector>

namespace gapless::queue {
namespace {

// More is refused as if nobody waited.
constexpr size_t kMaxBytes = size_t{32} << 20;
// What a request holds beside its body: its stream, its answer.
constexpr size_t kOverhead = 4096;
// How late it may be noticed that a client left.
constexpr Duration kWatchInterval = std::chrono::milliseconds(50);

bool HasLeft(const otlp::Batch& batch) { return batch.context && batch.context->cancelled; }

}  // namespace

bool BlockedProducers::Add(Request& request) {
  const size_t holds = request.batch.body.held_bytes() + kOverhead;
  const bool fits = waiting_.empty() || memory_.bytes() + holds <= kMaxBytes;
  if (refusing_ || !fits || !memory_.TryAdd(holds)) {
    return false;
  }
  const auto context = request.batch.context;
  waiting_.push_back({.request = std::move(request), .holds = holds, .deadline = {}});
  if (context && context->deadline) {
    waiting_.back().deadline = loop_.RunAt(*context->deadline, [this] { Expire(); });
  }
  if (context) {
    Watch();
  }
  return true;
}

const otlp::Batch* BlockedProducers::Next() {
  while (!waiting_.empty() && HasLeft(waiting_.front().request.batch)) {
    TakeFirst().completion(Cancelled("the client left"));
  }
  return waiting_.empty() ? nullptr : &waiting_.front().request.batch;
}

BlockedProducers::Request BlockedProducers::Take() { return TakeFirst(); }

BlockedProducers::Request BlockedProducers::TakeFirst() {
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  memory_.Sub(first.holds);
  return std::move(first.request);
}

void BlockedProducers::Refuse(const Status& status) {
  refusing_ = true;
  memory_.Release();
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.request.completion(status);
  }
}

// Polled, as another thread knows who left.
void BlockedProducers::Watch() {
  if (watch_.armed() || waiting_.empty()) {
    return;
  }
  watch_ = loop_.RunAfter(kWatchInterval, [this] {
    Expire();
    Watch();
  });
}

void BlockedProducers::Expire() {
  std::deque<Waiting> staying;
  std::vector<std::pair<pipeline::Completion, Status>> gone;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    const auto& context = waiting.request.batch.context;
    if (HasLeft(waiting.request.batch)) {
      gone.emplace_back(std::move(waiting.request.completion), Cancelled("the client left"));
    } else if (context && context->deadline && *context->deadline <= loop_.Now()) {
      gone.emplace_back(std::move(waiting.request.completion),
                        DeadlineExceeded("sending queue is full"));
    } else {
      staying.push_back(std::move(waiting));
      continue;
    }
    memory_.Sub(waiting.holds);
  }
  waiting_ = std::move(staying);
  for (auto& [completion, status] : gone) {
    completion(std::move(status));
  }
  if (!gone.empty()) {
    left_();
  }
}

}  // namespace gapless::queue
