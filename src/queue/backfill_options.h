// What a backfill is made of, and what it tells its queue.
#pragma once

#include "base/loop.h"
#include "queue/queue_level.h"
#include "sending/sender.h"
#include "sending/settings.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace gapless::queue {

struct BackfillOptions {
  sending::BackfillSettings settings;
  std::optional<sending::BatchSettings> batch;
  // Failures of one unit, while others get through, after which it is suspected.
  uint32_t fall = 3;
  // Whether data of one lane (lanes.h) goes one after the other.
  bool ordered = false;
  // How long a unit rests whose whole back-off series failed.
  Duration max_interval{};
  size_t level = 0;  // its index, for metrics
  QueueLevel to;
};

struct BackfillOwner {
  // Pump shall be called: time passed, or a unit ended. On a turn of its own.
  std::move_only_function<void()> wake;
  // Items that a destination may hold twice.
  std::move_only_function<void(uint64_t items)> duplicates;
  // An attempt has ended: where nothing live comes, old data is what proves a level.
  std::move_only_function<void(const sending::AttemptResult& result)> attempted;
  // Whether the level has taken live data.
  std::move_only_function<bool()> proved;
};

}  // namespace gapless::queue
