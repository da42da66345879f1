// RecordIndex: where each held record of a durable journal lies, what it counts, and how much each
// segment still holds. Pure; one thread.
#pragma once

#include "io/file_system.h"
#include "journal/metadata_table.h"
#include "journal/position_map.h"
#include "journal/read_records.h"
#include "journal/segment_format.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::journal {

struct Segment {
  SegmentHeader header;
  std::shared_ptr<io::File> file;
  std::string path;
  uint64_t capacity = 0;
  uint64_t live_records = 0;  // pending or owed
  uint64_t live_bytes = 0;
  uint64_t retained_records = 0;  // that nobody else needs
  Position first = UINT64_MAX;    // of the records that were not moved here
  Position last = 0;
  std::vector<Position> moved_here;
  bool sealed = false;
  uint32_t slot = 0;  // of the index

  uint64_t sequence() const { return header.sequence; }
};

struct StoredRecord {
  Segment* segment = nullptr;
  uint64_t offset = 0;
  uint64_t size = 0;  // in the segment
  uint64_t raw_size = 0;
  int64_t arrival_ns = 0;
  uint32_t items = 0;
  uint64_t lanes = 0;
  MetadataTable::Id metadata = 0;

  Amount amount() const { return {1, items, raw_size}; }
};

class RecordIndex {
 public:
  // Memory of a record: its entry here, and its part of the sets in which it is.
  static constexpr uint64_t kBytesPerRecord = 64;

  Segment& AddSegment(const SegmentHeader& header, std::shared_ptr<io::File> file, std::string path,
                      uint64_t capacity);
  // Nothing lies there any more. Returns its file.
  std::shared_ptr<io::File> RemoveSegment(uint64_t sequence);
  // By sequence.
  std::map<uint64_t, Segment>& segments() { return segments_; }
  const std::map<uint64_t, Segment>& segments() const { return segments_; }

  // `moved`: there by compaction, not in the order of positions. Precondition: not there yet.
  void Insert(Position position, const StoredRecord& record, bool moved);
  std::optional<StoredRecord> Find(Position position) const;
  // The first at or after `from`.
  std::optional<Position> Next(Position from) const;
  // Precondition, as of the others: it is there.
  void Move(Position position, Segment& to, uint64_t offset, uint64_t size);
  void Erase(Position position);
  // It is now needed by retention alone, or not any more.
  void CountRetained(const StoredRecord& record, bool retained);

  size_t size() const { return records_.size(); }
  uint64_t memory_bytes() const { return records_.memory_bytes(); }

 private:
  // 40 bytes. Offsets and sizes are in units of kRecordAlignment.
  struct Packed {
    uint64_t lanes;
    int64_t arrival_ns;
    uint64_t raw_size : 40;
    uint64_t slot : 24;
    uint32_t offset;
    uint32_t size;
    uint32_t items;
    MetadataTable::Id metadata;
  };
  static Packed Pack(const StoredRecord& record);
  static void AddTo(Segment& segment, Position position, uint64_t size, bool moved);

  PositionMap<Packed> records_;
  std::map<uint64_t, Segment> segments_;
  std::vector<Segment*> slots_;  // null: free
  std::vector<uint32_t> free_slots_;
};

// How to read a record.
ReadItem ItemOf(Position position, const StoredRecord& record, const MetadataTable& metadata);
// Of this segment, without items.
ReadWindow WindowOf(const Segment& segment);

}  // namespace gapless::journal
