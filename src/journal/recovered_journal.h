// RecoveredJournal: a durable journal that was read from its disk and belongs to no loop yet.
//
// Opening has two steps. RecoverSegmentJournal blocks, for about a second per GB of pending
// records; it may run on any thread, as it works on nothing but the journal's own directory. The
// constructor of SegmentJournal takes what it found, on the journal's home loop, and is cheap.
// The value may be moved between threads; if it is dropped, the journal is as it was, unlocked.
#pragma once

#include "io/file_system.h"
#include "journal/checkpoint.h"
#include "journal/segment_options.h"
#include "journal/segment_recovery.h"

#include <memory>
#include <stop_token>

namespace gapless::journal {

struct RecoveredJournal {
  SegmentJournalOptions options;  // with a backfill_max_size
  io::FileSystem* fs = nullptr;   // outlives it
  std::unique_ptr<io::FileLock> lock;
  std::unique_ptr<CheckpointWriter> checkpoints;
  Recovered found;
};

// Errors: FAILED_PRECONDITION (locked, not a journal, newer format), PERMISSION_DENIED, disk
// errors; CANCELLED once `stop` was asked for.
Result<RecoveredJournal> RecoverSegmentJournal(SegmentJournalOptions options, io::FileSystem& fs,
                                               std::stop_token stop = {});

}  // namespace gapless::journal
