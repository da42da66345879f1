// The half of a Transport that answers without a peer: each answer comes on a later turn of the
// loop, unless it was cancelled or the transport is gone by then. For transports whose work is done
// within the call (debug, nop). Home loop only.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "sending/transport.h"

#include <unordered_map>
#include <utility>

namespace gapless::sending {

class LaterAnswers {
 public:
  explicit LaterAnswers(Loop& home) : loop_(home) {}

  AttemptId Answer(AttemptResult result, AttemptCallback done) {
    const AttemptId id = next_id_++;
    waiting_.emplace(id, std::move(done));
    loop_.Post(lifetime_.Guard([this, id, result = std::move(result)]() mutable {
      if (auto node = waiting_.extract(id)) {
        node.mapped()(std::move(result));
      }
    }));
    return id;
  }
  void Cancel(AttemptId id) { waiting_.erase(id); }

 private:
  Loop& loop_;
  std::unordered_map<AttemptId, AttemptCallback> waiting_;
  AttemptId next_id_ = 1;
  Lifetime lifetime_;
};

}  // namespace gapless::sending
