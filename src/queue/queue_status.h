// A reading of a queue, for the admin API, metrics and tests.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "otlp/batch.h"
#include "routing/router.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gapless::queue {

struct QueueStatus {
  struct Level {
    std::string name;
    routing::LevelState state = routing::LevelState::kHealthy;
    routing::Override word = routing::Override::kAuto;
    Duration since{};
    std::string last_error;
    uint64_t delivered_items = 0;
  };
  std::string name;
  otlp::Signal signal = otlp::Signal::kTraces;
  std::optional<size_t> active;
  Duration active_since{};
  std::vector<Level> levels;
  journal::Ledger ledger;
  journal::JournalStats journal;
  uint64_t possible_duplicates = 0;
  uint64_t handed_over_items = 0;
  uint64_t backfilled_items = 0;
};

}  // namespace gapless::queue
