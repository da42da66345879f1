// bbolt files, read only: the B+tree in which a Collector's file_storage keeps its queues.
//
// Source: the file format of go.etcd.io/bbolt 1.3 and 1.4 (page.go, meta.go, bucket.go). The bytes
// are hostile: every number is checked, no page is visited twice. What is damaged costs what lies
// on it and no more. Pure but for the file; one thread.
#pragma once

#include "base/status.h"
#include "io/file_system.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::takeover {

struct BboltEntry {
  std::string key;
  uint64_t offset = 0;  // of the value in the file
  uint64_t size = 0;    // bytes
};

struct BboltBucket {
  std::vector<BboltEntry> entries;  // in the order of keys
  // Entries that the last transaction does not lead to, because a page above them is damaged: from
  // the transaction before it, and from pages by themselves. They may be out of date.
  std::vector<BboltEntry> salvaged;
  uint64_t damaged_pages = 0;
  // Of the transaction that was read; another one after any change.
  uint64_t transaction = 0;
};

// The entries of the top-level bucket of that name; empty if there is no such bucket. Keys beyond
// kMaxKey bytes are passed over. INVALID_ARGUMENT: this is no bbolt file, or none of its two meta
// pages is whole. Other errors are those of the file.
inline constexpr size_t kMaxKey = 64;
Result<BboltBucket> ReadBbolt(io::File& file, std::string_view bucket);

}  // namespace gapless::takeover
