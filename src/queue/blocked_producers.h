// BlockedProducers: requests that wait for room in a full queue (block_on_overflow), oldest first.
//
// A request is given up when its deadline passes or its client leaves. What waits holds a limited
// amount of memory. Home loop.
#pragma once

#include "base/loop.h"
#include "base/memory_limit.h"
#include "base/status.h"
#include "otlp/batch.h"
#include "pipeline/completion.h"

#include <deque>

namespace gapless::queue {

class BlockedProducers {
 public:
  struct Request {
    otlp::Batch batch;
    pipeline::Completion completion;
  };

  // `left`: some were given up, and a smaller one behind them may fit. `memory`: for what waits,
  // beside that of other queues.
  BlockedProducers(Loop& loop, Task left, MemoryCharge memory = {})
      : loop_(loop), left_(std::move(left)), memory_(std::move(memory)) {}
  BlockedProducers(const BlockedProducers&) = delete;
  BlockedProducers& operator=(const BlockedProducers&) = delete;

  // False once Refuse was called, or if too much waits already: then the request is as it was.
  bool Add(Request& request);
  bool empty() const { return waiting_.empty(); }
  // The one that is next; null: nobody waits. Those whose client has left are answered on the way.
  const otlp::Batch* Next();
  // Precondition: Next() was not null.
  Request Take();
  // Answers all, and from now on nobody may wait.
  void Refuse(const Status& status);

 private:
  struct Waiting {
    Request request;
    size_t holds = 0;  // bytes of memory
    Timer deadline;
  };
  void Watch();
  void Expire();
  Request TakeFirst();

  Loop& loop_;
  Task left_;
  std::deque<Waiting> waiting_;
  MemoryCharge memory_;  // of all that waits
  bool refusing_ = false;
  Timer watch_;
};

}  // namespace gapless::queue
