// Walks over the record headers of one segment, skipping what is damaged. Never writes.
//
// Used by recovery, by `gapless journal`, and by the fuzzer. Blocking; any thread.
#pragma once

#include "io/file_system.h"
#include "journal/segment_format.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gapless::journal {

struct ScanItem {
  enum class Kind : uint8_t {
    kRecord,
    kDamage,  // bytes that hold no record, with something valid behind them
    kEnd,     // nothing valid follows; `offset` is where the data ends
  };
  Kind kind = Kind::kEnd;
  uint64_t offset = 0;
  uint64_t size = 0;
  RecordHeader header;   // kRecord
  std::string metadata;  // kRecord: as encoded
  bool sealed = false;   // kEnd: the segment says itself that it ends here
};

class SegmentScanner {
 public:
  // `file` outlives the scanner.
  SegmentScanner(io::File& file, const SegmentHeader& header, uint64_t file_size);

  // Errors: of the disk. A record is reported only if all its bytes lie in the file.
  Result<ScanItem> Next();

 private:
  // Makes `size` bytes at `offset` visible; fewer at the end of the file.
  Result<ByteSpan> View(uint64_t offset, uint64_t size);
  // True if a valid record header stands at `offset`; then fills item.
  Result<bool> RecordAt(uint64_t offset, ScanItem* item);
  // The next valid record header at or after `offset`; the file's size if there is none.
  Result<uint64_t> Search(uint64_t offset);

  io::File& file_;
  const uint64_t salt_;
  const uint64_t file_size_;
  uint64_t next_ = kSegmentDataAt;
  uint64_t good_end_ = kSegmentDataAt;
  bool ended_ = false;
  bool sealed_ = false;
  std::vector<std::byte> window_;
  // How far to read ahead of a header: not far where records are large.
  uint64_t window_size_;
  uint64_t window_at_ = 0;
};

// True if the stored payload of the record at `offset` has its checksum. Reads in pieces.
Result<bool> CheckPayload(io::File& file, const SegmentHeader& segment, uint64_t offset,
                          const RecordHeader& header);

}  // namespace gapless::journal
