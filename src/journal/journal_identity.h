// JOURNAL: the file that says whose directory this is.
#pragma once

#include "io/file_system.h"

#include <cstdint>
#include <string>

namespace gapless::journal {

struct JournalIdentity {
  uint64_t id = 0;
  std::string name;  // component and signal
};

// Errors: NOT_FOUND, DATA_LOSS (not such a file), FAILED_PRECONDITION (newer format).
Result<JournalIdentity> ReadIdentity(io::FileSystem& fs, const std::string& directory);
Status WriteIdentity(io::FileSystem& fs, const std::string& directory,
                     const JournalIdentity& identity);

// FAILED_PRECONDITION with the name of the first thing that no journal would have made.
Status CheckNoForeignFiles(io::FileSystem& fs, const std::string& directory);

inline bool IsSegmentName(std::string_view name) { return name.ends_with(".seg"); }

}  // namespace gapless::journal
