// What `gapless journal list|inspect|verify|replay` needs: a read-only walk over a stopped journal.
//
// Blocking; no loop, no threads. Nothing on the disk changes but the text of the lock file. A
// journal that a process has open can be listed, not walked: FAILED_PRECONDITION.
#pragma once

#include "io/file_system.h"
#include "journal/journal.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace gapless::journal {

struct SegmentSummary {
  std::string path;
  uint64_t sequence = 0;
  uint64_t bytes = 0;       // of the file
  uint64_t records = 0;     // that somebody still needs
  uint64_t live_bytes = 0;  // of them
  WallTime created;         // arrival of the first record written there
};

struct JournalSummary {
  std::string directory;
  std::string name;  // component and signal: "exporter_otlp_primary_traces"
  bool in_use = false;
  std::string holder;  // who has it open, as its lock says
  // Not OK: it could not be read (a newer format, say); everything below is then empty.
  Status status;
  Ledger ledger;
  struct Debt {
    std::string reader;
    uint64_t records = 0;
  };
  std::vector<Debt> debts;
  Amount owed;
  std::optional<WallTime> oldest;  // arrival, of the pending records
  std::optional<WallTime> newest;
  uint64_t disk_bytes = 0;
  std::vector<SegmentSummary> segments;  // oldest first
  uint64_t checkpoint_sequence = 0;      // 0: there is none
  Position counted = 1;                  // the ledger of the checkpoint counts what is below
  uint64_t damaged_places = 0;
  std::string user_state;
};

// The directories of the journals under a storage directory, or the one that it is itself; by name.
// Errors: NOT_FOUND for no such directory.
Result<std::vector<std::string>> FindJournals(io::FileSystem& fs, const std::string& directory);

// What is in each of them, also of those that a process has open. With `stop` the rest is as if it
// could not be read.
Result<std::vector<JournalSummary>> ListJournals(io::FileSystem& fs, const std::string& directory,
                                                 const std::stop_token& stop = {});

Result<JournalSummary> InspectJournal(io::FileSystem& fs, const std::string& directory);

struct VerifyReport {
  uint64_t records = 0;  // that somebody still needs
  uint64_t bytes = 0;    // of them on disk
  uint64_t damaged_places = 0;
  uint64_t damaged_records = 0;  // whose content does not match its checksum
  // The first kDamagedPlacesMax of each, one sentence each, with file and offset.
  std::vector<std::string> damage;
  bool sound() const { return damaged_places == 0 && damaged_records == 0; }
};

// Reads everything that somebody still needs and checks it.
Result<VerifyReport> VerifyJournal(io::FileSystem& fs, const std::string& directory);

struct ReplayRange {
  // Of the arrival time: [from, to).
  std::optional<WallTime> from;
  std::optional<WallTime> to;
  // Also what was delivered and is only owed to other readers.
  bool owed = true;
};
// Ends the replay unless OK.
using ReplayVisitor = std::move_only_function<Status(const RecordInfo& info, otlp::Batch batch)>;

struct ReplayReport {
  uint64_t records = 0;
  uint64_t damaged = 0;  // records that could not be read; skipped
};

// Hands out the records of a range in the order of their positions. They stay in the journal.
// `report` counts also when the visitor ends it.
Status ReplayJournal(io::FileSystem& fs, const std::string& directory, const ReplayRange& range,
                     ReplayVisitor visitor, ReplayReport* report);

}  // namespace gapless::journal
