// Reads records from a segment file and checks them. Blocking: the journal's reader thread.
#pragma once

#include "io/file_system.h"
#include "journal/segment_format.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gapless::journal {

struct ReadItem {
  Position position = 0;
  uint64_t offset = 0;
  uint64_t size = 0;  // total
  std::shared_ptr<const otlp::Metadata> metadata;
};

// Some records of one segment, by rising offset.
struct ReadWindow {
  SegmentHeader segment;
  std::shared_ptr<io::File> file;
  std::string path;
  std::vector<ReadItem> items;
};

struct ReadRecord {
  Result<otlp::Batch> batch;
  RecordHeader header;
};

// By item of the window. Neighbours are read with one call. What the journal compressed itself is
// inflated if `unpack`, else handed out as stored. DATA_LOSS for a record that fails a check; what
// the file says (io/file_system.h) for one that the disk does not give back, perhaps for a while.
std::vector<ReadRecord> ReadRecords(const ReadWindow& window, bool unpack);

}  // namespace gapless::journal
