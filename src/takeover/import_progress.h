// How far the import of a queue file came: a small file beside it. Belongs to one content of the
// queue file, so that one of an earlier import is not mistaken for it.
#pragma once

#include "base/status.h"
#include "io/file_system.h"

#include <cstdint>
#include <string>

namespace gapless::takeover {

struct ImportProgress {
  uint64_t transaction = 0;  // of the queue file
  uint64_t size = 0;         // of the queue file, bytes
  uint64_t done = 0;         // its first pending values, imported or passed over

  bool operator==(const ImportProgress&) const = default;
};

std::string ProgressPath(const std::string& queue_file);

// 0 if there is none for this content, or none that can be read.
uint64_t ReadProgress(io::FileSystem& fs, const std::string& queue_file,
                      const ImportProgress& wanted);
// Durable when it returns.
Status WriteProgress(io::FileSystem& fs, const std::string& queue_file,
                     const ImportProgress& progress);

}  // namespace gapless::takeover
