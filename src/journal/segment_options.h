// SegmentJournalOptions: how a durable journal is opened.
#pragma once

#include "base/loop.h"
#include "base/retry_delay.h"
#include "io/executor.h"
#include "journal/budget.h"
#include "journal/segment_recovery.h"
#include "telemetry/log.h"

#include <cstdint>
#include <memory>
#include <string>

namespace gapless::journal {

// Where the blocking work of a journal runs; null: on a service thread of its own.
struct JournalExecutors {
  io::Executor* writer = nullptr;
  io::Executor* reader = nullptr;
  // Closes removed files: the last close gives their space back, which may take the disk longer
  // than a write (with `discard`, 20 ms and more).
  io::Executor* closer = nullptr;
};

struct SegmentJournalOptions {
  // Made if it is not there; must be empty or a journal.
  std::string directory;
  // Component and signal, for people.
  std::string name;
  uint64_t segment_size = uint64_t{64} << 20;
  // Bytes of all segment files; 0: no limit. Segments shrink so that at least eight fit.
  uint64_t max_size = 0;
  // Space to leave free on the disk, bytes.
  uint64_t reserve = 0;
  bool sync = true;
  // zstd for what arrived plain.
  bool pack = false;
  // How long to wait for another process that still holds the journal.
  Duration lock_timeout = std::chrono::seconds(1);
  // SetBackfillMaxSize(0), bytes on disk; 0: half of the space above the reserve.
  uint64_t backfill_max_size = 0;
  // Records that were not read yet and stay in memory, bytes.
  uint64_t cache_size = uint64_t{128} << 20;
  std::shared_ptr<Budget> memory_budget = nullptr;
  std::shared_ptr<Budget> disk_budget = nullptr;
  // What a client is told to wait when there is no room.
  Duration retry_delay = kClientRetryDelay;
  // For salts and the journal's ID; 0: from the operating system.
  uint64_t seed = 0;
  // RecoveryOptions::segments_at_once.
  size_t recover_at_once = RecoveryOptions().segments_at_once;
  JournalExecutors executors = {};  // for tests
  telemetry::Logger log = {};
};

// What a segment has, unless it is for one large record: at most an eighth of max_size.
uint64_t SegmentSizeOf(const SegmentJournalOptions& options);

}  // namespace gapless::journal
