// What a start finds in a journal's directory. Blocking: runs before the journal has a loop.
//
// Reads record headers only (and the payloads of the few records above the checkpoint), never
// truncates, needs no free space. docs/formats/journal.md, "Recovery".
#pragma once

#include "io/file_system.h"
#include "journal/retention.h"
#include "journal/segment_records.h"
#include "telemetry/log.h"

#include <cstdint>
#include <deque>
#include <stop_token>
#include <string>
#include <vector>

namespace gapless::journal {

// Where bytes could not be read.
struct DamagedPlace {
  std::string path;
  uint64_t offset = 0;
  uint64_t size = 0;
  std::string what;
};
// Kept of them; the count goes on.
inline constexpr size_t kDamagedPlacesMax = 100;

struct Recovered {
  uint64_t journal_id = 0;
  std::string name;
  FoundRecords records;  // without what is retained
  std::string user_state;
  Position next_position = 1;
  uint64_t next_checkpoint = 1;
  uint64_t next_sequence = 1;
  uint64_t next_file = 1;
  std::deque<Retention::Group> retained;  // not if read_only
  uint64_t damaged_places = 0;
  std::vector<DamagedPlace> damage;  // the first of them
  // What the checkpoint says; its sequence is 0 if there is none.
  uint64_t checkpoint_sequence = 0;
  Position counted = 1;
};

struct RecoveryOptions {
  std::string directory;
  // Written into JOURNAL when it is made.
  std::string name;
  uint64_t new_journal_id = 1;
  // Changes nothing on the disk: for `gapless journal`. NOT_FOUND if there is no journal.
  bool read_only = false;
  // Segments that are scanned at once, each by a thread of its own; 1: by the caller, so that the
  // disk sees one order of calls.
  size_t segments_at_once = 4;
  // Asked for: CANCELLED, after the segments that are being scanned.
  std::stop_token stop = {};
  telemetry::Logger log;
};

// Errors: FAILED_PRECONDITION for a directory that holds something else or a newer format; of the
// disk. Damage is not an error.
Result<Recovered> RecoverJournal(const RecoveryOptions& options, io::FileSystem& fs);

// Saves `size` bytes of a file under damaged/, for people; best effort, at most
// kDamagedCopiesMax files.
inline constexpr size_t kDamagedCopiesMax = 100;
void CopyAside(io::FileSystem& fs, const std::string& directory, const std::string& file_path,
               io::File& file, uint64_t offset, uint64_t size);

}  // namespace gapless::journal
