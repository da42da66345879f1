// SegmentWriter: what happens on the journal's writer thread. Puts groups of records into segments,
// makes them durable, recycles files.
//
// A group is one gathered write and one sync per segment it touches. A failed write or sync ends
// that segment: its unacknowledged records are written again into a new one, once; a failed sync is
// never repeated on the same file, and the file is never used again. Blocking; one thread at a
// time. Knows nothing of who needs which record.
#pragma once

#include "base/rng.h"
#include "io/file_system.h"
#include "journal/budget.h"
#include "journal/segment_format.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::journal {

struct SegmentWriterOptions {
  std::string directory;
  uint64_t journal_id = 0;
  uint64_t segment_size = uint64_t{64} << 20;
  // Bytes of all segment files; 0: no limit.
  uint64_t max_size = 0;
  // Space to leave free on the disk, bytes.
  uint64_t reserve = 0;
  bool sync = true;
  // Compresses what arrived plain (zstd level 1).
  bool pack = false;
  uint64_t salt_seed = 0;
  // The directory's common budget; may be null. Opened by the journal, used by the writer's thread.
  std::shared_ptr<Budget> disk_budget;
};

struct WriteRequest {
  Position position = 0;
  int64_t arrival_ns = 0;
  std::string metadata;  // encoded
  otlp::Batch batch;     // signal, items, codec, body, raw_size, lanes (not 0)
  uint8_t flags = 0;
  // Crc32c of the body with seed zero, where it was computed already.
  std::optional<uint32_t> body_crc = std::nullopt;
};

// Where a record is, or why it is nowhere.
struct Written {
  Status status;
  Position position = 0;
  bool moved = false;
  uint64_t segment = 0;  // sequence
  uint64_t offset = 0;
  uint64_t size = 0;  // total
};

struct OpenedSegment {
  SegmentHeader header;
  std::shared_ptr<io::File> file;
  std::string path;
  uint64_t capacity = 0;
};

// What a group did, in order of events.
struct GroupResult {
  std::vector<Written> written;
  std::vector<OpenedSegment> opened;
  std::vector<uint64_t> sealed;  // sequences; of these nothing is written any more
  uint64_t disk_bytes = 0;
};

class SegmentWriter {
 public:
  // A segment file found at the start.
  struct Existing {
    uint64_t sequence = 0;
    std::string path;
    uint64_t size = 0;
  };

  SegmentWriter(SegmentWriterOptions options, io::FileSystem& fs, std::vector<Existing> existing,
                uint64_t next_sequence, uint64_t next_file);

  // How many of those that wait go out together. With a sync: all, or half of many, so that those
  // who heard of one group can ask again while the next is written. Without: a few, because nothing
  // is gained by more. Precondition: not empty.
  size_t NextGroup(std::span<const WriteRequest> waiting) const;
  GroupResult Write(std::span<WriteRequest> group);
  // Nobody needs these segments any more, and a checkpoint on disk says so. As many files as were
  // needed at once lately are kept for the next use (a used file is several times faster than a new
  // one), one if it is `quiet`, the others removed. Returns the bytes of all segment files.
  uint64_t Release(const std::vector<uint64_t>& sequences, bool quiet);
  // More files are kept than a quiet journal needs: call Release again after a while.
  bool keeps_many() const { return spares_.size() > 1; }
  // Removes the active segment and the spares: for a journal that is closed empty.
  void ReleaseAll();
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  struct Active {
    OpenedSegment segment;
    uint64_t end = 0;
    bool started = false;  // the header is on disk
  };
  struct FileInfo {
    std::string path;
    uint64_t size = 0;
    bool reusable = true;
  };

  void Pack(WriteRequest* request) const;
  bool Fits(uint64_t end, uint64_t size) const;
  // Writes group[begin, end) into the active segment; on success fills `result`.
  Status WriteRun(std::span<const WriteRequest> group, size_t begin, size_t end,
                  GroupResult* result);
  Status WriteRunOrMove(std::span<const WriteRequest> group, size_t begin, size_t end,
                        GroupResult* result);
  Status OpenSegment(const WriteRequest& first, uint64_t record_size, GroupResult* result);
  Status TakeFile(uint64_t size, OpenedSegment* segment);
  enum class Limits : uint8_t { kKept, kExceeded };
  Status MakeFile(uint64_t size, Limits limits, OpenedSegment* segment);
  Status FindRoom(uint64_t size);
  Status CheckRoom(uint64_t size);
  bool Charge(uint64_t size);
  // Ends the active segment. `good`: writes its end mark; else its file is never used again.
  void Seal(bool good, GroupResult* result);
  void Unlink(const std::string& path, uint64_t size);

  const SegmentWriterOptions options_;
  io::FileSystem& fs_;
  Rng salts_;
  std::unique_ptr<Budget::Account> disk_account_;
  std::optional<Active> active_;
  std::map<uint64_t, FileInfo> files_;  // by sequence, the active one included
  std::vector<FileInfo> spares_;
  uint64_t next_sequence_;
  uint64_t next_file_;
  uint64_t disk_bytes_ = 0;
  size_t opened_ = 0;  // segments, since the last Release
  size_t demand_ = 0;  // of segments between two Releases, lately, times kFading
};

}  // namespace gapless::journal
