// RequestBodies: what the request bodies of one connection hold of the server's memory.
//
// The one place where their bytes come in: counted against the budget, within the limit of each
// request, with a note of when the last ones came. On the connection's worker.
#pragma once

#include "net/http/http_handler.h"
#include "net/loop/worker.h"

#include <memory>
#include <utility>

namespace gapless::net {

// One body, from the head of its request to the answer.
struct RequestBody {
  size_t max_bytes = 0;
  TimePoint last_progress = {};
  Rope bytes = {};
  BodyCharge charge = {};
};

class RequestBodies {
 public:
  // `max_bytes`: of one body. `stall_timeout`: see Stalled; zero: never.
  RequestBodies(const Worker& worker, std::shared_ptr<BodyBudget> budget, size_t max_bytes,
                Duration stall_timeout)
      : worker_(worker),
        budget_(std::move(budget)),
        max_bytes_(max_bytes),
        stall_timeout_(stall_timeout) {}

  RequestBody Begin() const { return {.max_bytes = max_bytes_, .last_progress = worker_.Now()}; }
  // Small pieces are copied, as they are not worth keeping a receive slab alive. False: the body
  // would be larger than it may; what it held is given back.
  bool Take(RequestBody& body, Slice bytes);
  // The body for the handler, who holds it until the answer. If its slices keep far more memory
  // alive than it has bytes, it becomes one copy.
  static Rope Complete(RequestBody& body);
  // No bytes came for as long as the stall timeout.
  bool Stalled(const RequestBody& body) const {
    return stall_timeout_ > Duration::zero() &&
           worker_.Now() - body.last_progress >= stall_timeout_;
  }

  // No further request may begin.
  bool exhausted() const { return budget_->exhausted(); }
  // A connection that waits for answers should stop reading.
  bool pressed() const { return budget_->pressed(); }

 private:
  const Worker& worker_;
  const std::shared_ptr<BodyBudget> budget_;
  const size_t max_bytes_;
  const Duration stall_timeout_;
};

}  // namespace gapless::net
