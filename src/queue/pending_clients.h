// PendingClients: clients that wait until their record is settled (wait_for_result, and queues that
// are off). Each is answered once. Home loop.
#pragma once

#include "base/loop.h"
#include "base/status.h"
#include "journal/journal.h"
#include "otlp/batch.h"
#include "pipeline/completion.h"

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

namespace gapless::queue {

class PendingClients {
 public:
  // Both are called on a turn of their own; the client is answered with what becomes of its record.
  struct Owner {
    // Queue off: the client left, or its deadline passed, and takes its record along.
    std::move_only_function<void(journal::Position, const Status&)> withdraw;
    // It has waited for as long as it was told to; see Limits.
    std::move_only_function<void(journal::Position)> expire;
  };
  struct Limits {
    bool withdraw = false;  // queue off
    Duration longest{};     // zero: a client waits for ever
  };

  PendingClients(Loop& loop, Owner owner) : loop_(loop), owner_(std::move(owner)) {}
  PendingClients(const PendingClients&) = delete;
  PendingClients& operator=(const PendingClients&) = delete;

  void Add(journal::Position position, std::shared_ptr<const otlp::RequestContext> context,
           pipeline::Completion completion, const Limits& limits);
  // Asks again after `delay` whether the record has expired.
  void ExpireAgain(journal::Position position, Duration delay);
  // Part of the record had this end: what the client hears once all of it is settled.
  void SetVerdict(journal::Position position, const Status& verdict);
  // The record is settled; without `status` the last verdict counts, or OK. Nothing if nobody
  // waits.
  void Answer(journal::Position position, std::optional<Status> status = {});
  // The queue ends: completions answer as those that were never called.
  void Abandon() { waiting_.clear(); }

 private:
  struct Client {
    pipeline::Completion completion;
    std::shared_ptr<const otlp::RequestContext> context;  // null: nobody looks for it any more
    bool withdraw = false;
    Timer deadline;
    Status verdict;
  };
  void Watch();
  void OnWatch();

  Loop& loop_;
  Owner owner_;
  std::unordered_map<journal::Position, Client> waiting_;
  Timer watch_;
};

}  // namespace gapless::queue
