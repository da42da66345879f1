// Compactor: empties segments of which little is needed, by moving their records to the segment
// that is being written, a part at a time. Home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "io/executor.h"
#include "journal/segment_records.h"
#include "journal/write_queue.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace gapless::journal {

// Which segments have been sparse for long. Pure.
class SparseSegments {
 public:
  // For so long: a segment that is just being drained will be empty before.
  static constexpr Duration kSparseFor = std::chrono::seconds(5);

  struct Found {
    std::optional<uint64_t> segment;  // sequence
    std::optional<TimePoint> look_again;
  };
  // The first that has been sparse for kSparseFor, else when there may be one. `segment_size`: of
  // an ordinary one.
  Found Look(const std::map<uint64_t, Segment>& segments, uint64_t segment_size, TimePoint now);
  // All of them get their time anew: the disk refuses.
  void Reset() { since_.clear(); }
  // It is not emptied: some of it cannot be read.
  void Exclude(uint64_t segment) { excluded_.insert(segment); }

 private:
  std::map<uint64_t, TimePoint> since_;
  std::set<uint64_t> excluded_;
};

class Compactor {
 public:
  // `on_idle`: nothing is on its way any more. All references outlive it.
  Compactor(SegmentRecords& records, WriteQueue& queue, Loop& home, io::Executor& reader,
            uint64_t segment_size, std::move_only_function<void()> on_idle);

  // Segments may have become sparse.
  void Look();
  // What it has pushed was written, or not.
  void OnMoved(const Written& written);
  // No further part.
  void Stop() { stopped_ = true; }

  // The one that is being emptied, by sequence; 0: none.
  uint64_t segment() const { return segment_; }

 private:
  // The records of the next part; at most so many are looked at that a turn stays short.
  std::vector<ReadItem> NextPart(const Segment& segment);
  void MovePart();
  void OnRead(const ReadWindow& window, std::vector<ReadRecord> records);
  void EndPart();
  // The record lies in the segment that is being emptied, and somebody needs it there.
  std::optional<StoredRecord> Find(Position position) const;

  SegmentRecords& records_;
  WriteQueue& queue_;
  Loop& home_;
  io::Executor& reader_;
  const uint64_t segment_size_;
  std::move_only_function<void()> on_idle_;
  SparseSegments sparse_;
  uint64_t segment_ = 0;
  Position next_ = 0;      // of the records that were not moved there
  size_t next_moved_ = 0;  // of the others
  size_t in_flight_ = 0;   // moves
  bool ended_ = false;     // this part is the last
  bool stopped_ = false;
  Timer timer_;
  Lifetime lifetime_;
};

}  // namespace gapless::journal
