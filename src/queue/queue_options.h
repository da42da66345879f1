// What a sending queue is made of, and when its clients hear OK.
#pragma once

#include "base/loop.h"
#include "base/memory_limit.h"
#include "otlp/batch.h"
#include "queue/backlog.h"
#include "queue/dead_letter.h"
#include "queue/queue_level.h"
#include "routing/router.h"
#include "sending/settings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::queue {

// When the client hears OK.
enum class Ack : uint8_t {
  kStored,   // in the journal's tier
  kSettled,  // a destination confirmed it (wait_for_result, and queues that are off)
};

// Of a queue. It takes data only while it serves.
enum class QueueLife : uint8_t {
  kServing,
  kRetired,  // its component left the configuration: it ends when it is empty
  kLeaving,  // the process ends
  kClosing,  // nothing is sent any more
};

struct SendingQueueOptions {
  std::string name;  // the exporter's or connector's ID
  otlp::Signal signal = otlp::Signal::kTraces;
  bool is_failover = false;
  sending::QueueSettings queue;
  // The most patient level's: how long an expired unit waits before it is tried again.
  Duration max_interval = std::chrono::seconds(30);
  Ack ack = Ack::kStored;
  // Queue off: the record is withdrawn when the client's deadline passes, and levels share that
  // deadline.
  bool withdraw = false;
  Order order = Order::kFifo;
  routing::RouterConfig router;  // its levels are filled in from `levels`
  std::vector<QueueLevel> levels;
  DeadLetterTarget dead_letter;
  // What the process may hold; null: as much as there is. Never changes.
  std::shared_ptr<MemoryLimit> memory = nullptr;

  std::optional<size_t> LevelNamed(std::string_view wanted) const {
    const auto it = std::ranges::find(levels, wanted, &QueueLevel::name);
    return it == levels.end() ? std::nullopt
                              : std::optional(static_cast<size_t>(it - levels.begin()));
  }
  // A request that fails over inside the client's call is never merged with another's, nor does it
  // wait for another one: its client decides what goes first.
  Backlog::Options backlog() const {
    return {.batch = withdraw ? std::nullopt : queue.batch,
            .order = withdraw ? Order::kArrival : order};
  }
};

}  // namespace gapless::queue
