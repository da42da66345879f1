// Moves what a stopped or crashed Collector left in a queue file into a journal.
//
// One way, in the order of the queue, in groups: a group is durable before the progress says so,
// and the file is renamed to `….imported` once everything that can be read is in the journal. It
// is never changed, so that a Collector can have it back. An import that was interrupted, by a
// crash or a full disk, goes on where it was; a crash may bring the last group twice.
#pragma once

#include "io/file_system.h"
#include "journal/segment_options.h"
#include "otlp/signal.h"

#include <cstdint>
#include <stop_token>
#include <string>

namespace gapless::takeover {

struct QueueImport {
  std::string file;
  otlp::Signal signal = otlp::Signal::kTraces;
  // Opened for it and closed again; always synced.
  journal::SegmentJournalOptions journal;
};

struct ImportReport {
  uint64_t requests = 0;  // imported now
  uint64_t items = 0;
  uint64_t bytes = 0;
  uint64_t before = 0;      // requests that an interrupted import had brought
  uint64_t dispatched = 0;  // of all; may have been delivered by the Collector
  uint64_t left = 0;        // requests that found no room; the next import goes on with them
  // What cannot be imported, and stays in the file.
  uint64_t unreadable = 0;  // no OTLP data of this signal
  uint64_t missing = 0;     // pending, without a value
  uint64_t damaged_pages = 0;
  Status no_room;     // why requests are left
  std::string moved;  // where the file is now; empty: where it was
};

// Blocks, on a thread that is no loop. Errors: NOT_FOUND (no such file), FAILED_PRECONDITION (a
// Collector is running on it, or somebody holds the journal), INVALID_ARGUMENT (no queue file),
// those of the disk; CANCELLED once `stop` was asked for.
Result<ImportReport> ImportQueue(QueueImport import, io::FileSystem& fs, std::stop_token stop);

}  // namespace gapless::takeover
