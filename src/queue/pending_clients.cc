#include "queue/pending_clients.h"

#include <utility>
#include <vector>

namespace gapless::queue {
namespace {

// How late it may be noticed that a client left.
constexpr Duration kWatchInterval = std::chrono::milliseconds(50);

}  // namespace

void PendingClients::Add(journal::Position position,
                         std::shared_ptr<const otlp::RequestContext> context,
                         pipeline::Completion completion, const Limits& limits) {
  Client& client = waiting_[position];
  client.completion = std::move(completion);
  client.withdraw = limits.withdraw;
  if (limits.withdraw && context && context->deadline) {
    client.deadline = loop_.RunAt(*context->deadline, [this, position] {
      owner_.withdraw(position, DeadlineExceeded("the client's deadline passed"));
    });
  } else if (!limits.withdraw && limits.longest > Duration::zero()) {
    ExpireAgain(position, limits.longest);
  }
  client.context = std::move(context);
  if (client.context) {
    Watch();
  }
}

void PendingClients::ExpireAgain(journal::Position position, Duration delay) {
  if (const auto it = waiting_.find(position); it != waiting_.end()) {
    it->second.deadline = loop_.RunAfter(delay, [this, position] { owner_.expire(position); });
  }
}

void PendingClients::SetVerdict(journal::Position position, const Status& verdict) {
  if (const auto it = waiting_.find(position); it != waiting_.end()) {
    it->second.verdict = verdict;
  }
}

void PendingClients::Answer(journal::Position position, std::optional<Status> status) {
  if (auto client = waiting_.extract(position)) {
    client.mapped().completion(status ? *std::move(status) : client.mapped().verdict);
  }
}

// Polled, as another thread knows who left.
void PendingClients::Watch() {
  if (!watch_.armed()) {
    watch_ = loop_.RunAfter(kWatchInterval, [this] { OnWatch(); });
  }
}

// A client that left takes its record along where the queue is off; otherwise the record stays, and
// only the receiver no longer holds the request.
void PendingClients::OnWatch() {
  std::vector<journal::Position> gone;
  for (const auto& [position, client] : waiting_) {
    if (client.context && client.context->cancelled) {
      gone.push_back(position);
    }
  }
  for (const journal::Position position : gone) {
    const auto it = waiting_.find(position);
    if (it == waiting_.end()) {
      continue;
    }
    Client& client = it->second;
    if (client.withdraw) {
      owner_.withdraw(position, Cancelled("the client left"));
      continue;
    }
    client.context = nullptr;
    std::exchange(client.completion,
                  pipeline::Completion([](const Status&) {}))(Cancelled("the client left"));
  }
  if (!waiting_.empty()) {
    Watch();
  }
}

}  // namespace gapless::queue
