#include "journal/segment_writer.h"

#include "base/retry_delay.h"
#include "wire/checksum.h"
#include "wire/compression.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr uint64_t kPage = 4096;
// What a segment shrinks to where there is no room for a whole one.
constexpr uint64_t kSmallSegment = uint64_t{1} << 20;
constexpr size_t kSparesMax = 8;
// Calls of Release after which one spare less is kept.
constexpr size_t kFading = 4;
constexpr uint64_t kSyncedGroup = uint64_t{1} << 20;
constexpr uint64_t kUnsyncedGroup = uint64_t{512} << 10;
constexpr size_t kPackMin = 512;
constexpr std::array<std::byte, kRecordAlignment> kZeros = {};

uint64_t SizeOf(const WriteRequest& request) {
  return RecordSize(MetadataSize(request.metadata, request.batch.lanes), request.batch.body.size());
}

RecordHeader HeaderOf(const WriteRequest& request, uint64_t salt) {
  return {.position = request.position,
          .arrival_ns = request.arrival_ns,
          .stored_size = request.batch.body.size(),
          .raw_size = request.batch.raw_size,
          .items = request.batch.items,
          .signal = request.batch.signal,
          .codec = request.batch.codec,
          .flags = request.flags,
          .metadata_size = 0,
          .payload_crc = request.body_crc ? PayloadCrc(*request.body_crc, request.batch.body.size(),
                                                       request.position, salt)
                                          : PayloadCrc(request.batch.body, request.position, salt),
          .lanes = request.batch.lanes};
}

// What a client is told: try again later, whatever the disk said.
Status Retryable(const Status& status) {
  return status.Annotate("the journal cannot write")
      .WithRetryable(true)
      .WithRetryAfter(kClientRetryDelay);
}

}  // namespace

SegmentWriter::SegmentWriter(SegmentWriterOptions options, io::FileSystem& fs,
                             std::vector<Existing> existing, uint64_t next_sequence,
                             uint64_t next_file)
    : options_(std::move(options)),
      fs_(fs),
      salts_(options_.salt_seed),
      disk_account_(options_.disk_budget ? options_.disk_budget->Open() : nullptr),
      next_sequence_(next_sequence),
      next_file_(next_file) {
  for (Existing& segment : existing) {
    disk_bytes_ += segment.size;
    if (disk_account_) {
      disk_account_->ForceCharge(segment.size);
    }
    files_[segment.sequence] = {.path = std::move(segment.path),
                                .size = segment.size,
                                .reusable = false};  // nobody knows what its former life met
  }
}

void SegmentWriter::Pack(WriteRequest* request) const {
  otlp::Batch& batch = request->batch;
  if (!options_.pack || batch.codec != wire::Codec::kIdentity || batch.body.size() < kPackMin ||
      request->flags != 0) {
    return;
  }
  Result<Rope> packed = wire::Compress(wire::Codec::kZstd, 1, batch.body);
  if (packed.ok() && packed->size() < batch.body.size()) {
    batch.body = std::move(*packed);
    batch.codec = wire::Codec::kZstd;
    request->flags = kFlagPacked;
    request->body_crc.reset();
  }
}

bool SegmentWriter::Fits(uint64_t end, uint64_t size) const {
  return end + size + kRecordHeaderSize <= active_->segment.capacity;
}

size_t SegmentWriter::NextGroup(std::span<const WriteRequest> waiting) const {
  uint64_t enough = kUnsyncedGroup;
  if (options_.sync) {
    uint64_t total = 0;
    for (const WriteRequest& request : waiting) {
      total += SizeOf(request);
    }
    enough = std::max(kSyncedGroup, total / 2);
  }
  size_t count = 0;
  for (uint64_t size = 0; count < waiting.size() && size < enough; ++count) {
    size += SizeOf(waiting[count]);
  }
  return count;
}

GroupResult SegmentWriter::Write(std::span<WriteRequest> group) {
  GroupResult result;
  result.written.reserve(group.size());
  Status failure;
  for (size_t begin = 0; begin < group.size();) {
    Pack(&group[begin]);
    const uint64_t first_size = SizeOf(group[begin]);
    if (failure.ok() && active_ && !Fits(active_->end, first_size)) {
      Seal(true, &result);
    }
    if (failure.ok() && !active_) {
      failure = OpenSegment(group[begin], first_size, &result);
    }
    size_t end = begin + 1;
    if (failure.ok()) {
      uint64_t reach = active_->end + first_size;
      for (; end < group.size(); ++end) {
        Pack(&group[end]);
        const uint64_t size = SizeOf(group[end]);
        if (!Fits(reach, size)) {
          break;
        }
        reach += size;
      }
      failure = WriteRunOrMove(group, begin, end, &result);
    }
    if (!failure.ok()) {
      // The disk has just refused; what is left of the group hears the same.
      for (end = begin; end < group.size(); ++end) {
        result.written.push_back({.status = Retryable(failure),
                                  .position = group[end].position,
                                  .moved = (group[end].flags & kFlagMoved) != 0});
      }
    }
    begin = end;
  }
  result.disk_bytes = disk_bytes_;
  return result;
}

Status SegmentWriter::WriteRunOrMove(std::span<const WriteRequest> group, size_t begin, size_t end,
                                     GroupResult* result) {
  const Status first = WriteRun(group, begin, end, result);
  if (first.ok()) {
    return first;
  }
  Seal(false, result);
  uint64_t size = 0;
  for (size_t i = begin; i < end; ++i) {
    size += SizeOf(group[i]);
  }
  RETURN_IF_ERROR(OpenSegment(group[begin], size, result));
  const Status second = WriteRun(group, begin, end, result);
  if (!second.ok()) {
    Seal(false, result);
  }
  return second;
}

Status SegmentWriter::WriteRun(std::span<const WriteRequest> group, size_t begin, size_t end,
                               GroupResult* result) {
  const SegmentHeader& segment = active_->segment.header;
  std::string headers;
  if (!active_->started) {
    headers = EncodeSegmentStart(segment);
  }
  // Headers move while the string grows: note where each one is, take addresses at the end.
  std::vector<size_t> header_ends = {headers.size()};
  for (size_t i = begin; i < end; ++i) {
    EncodeRecordHeader(HeaderOf(group[i], segment.salt), group[i].metadata, segment.salt, &headers);
    header_ends.push_back(headers.size());
  }
  const ByteSpan all = AsBytes(headers);
  std::vector<ByteSpan> pieces;
  pieces.reserve(3 * (end - begin));
  size_t at = 0;
  for (size_t i = begin; i < end; ++i) {
    const size_t header_end = header_ends[i - begin + 1];
    pieces.push_back(all.subspan(at, header_end - at));
    at = header_end;
    const Rope& body = group[i].batch.body;
    for (const Slice& slice : body.slices()) {
      pieces.push_back(slice.span());
    }
    const uint64_t used = header_end - header_ends[i - begin] + body.size();
    pieces.push_back(ByteSpan(kZeros).first(SizeOf(group[i]) - used));
  }
  io::File& file = *active_->segment.file;
  RETURN_IF_ERROR(file.WriteAt(active_->started ? active_->end : 0, pieces));
  if (options_.sync) {
    RETURN_IF_ERROR(file.Sync());
  }
  active_->started = true;
  for (size_t i = begin; i < end; ++i) {
    const uint64_t size = SizeOf(group[i]);
    result->written.push_back({.status = OkStatus(),
                               .position = group[i].position,
                               .moved = (group[i].flags & kFlagMoved) != 0,
                               .segment = segment.sequence,
                               .offset = active_->end,
                               .size = size});
    active_->end += size;
  }
  return OkStatus();
}

Status SegmentWriter::OpenSegment(const WriteRequest& first, uint64_t record_size,
                                  GroupResult* result) {
  const uint64_t needed =
      (kSegmentDataAt + record_size + kRecordHeaderSize + kPage - 1) / kPage * kPage;
  uint64_t size = std::max(options_.segment_size, needed);
  OpenedSegment segment;
  Status taken = TakeFile(size, &segment);
  // Near a limit, or on a disk that is almost full, smaller ones still fit.
  while (taken.code() == Code::kResourceExhausted && size > std::max(needed, kSmallSegment)) {
    size = std::max({needed, kSmallSegment, size / 4 / kPage * kPage});
    taken = TakeFile(size, &segment);
  }
  if (taken.code() == Code::kResourceExhausted && (first.flags & kFlagMoved) != 0) {
    // What is moved makes room: for the while until its old segment returns there is more.
    taken = MakeFile(size, Limits::kExceeded, &segment);
  }
  RETURN_IF_ERROR(taken);
  ++opened_;
  segment.header = {.journal_id = options_.journal_id,
                    .salt = ValidSalt(salts_.Next()),
                    .sequence = next_sequence_++,
                    .first_position = first.position,
                    .created_ns = first.arrival_ns};
  segment.capacity = size;
  files_[segment.header.sequence] = {
      .path = segment.path, .size = size, .reusable = size == options_.segment_size};
  result->opened.push_back(segment);
  active_ = Active{.segment = std::move(segment), .end = kSegmentDataAt};
  return OkStatus();
}

Status SegmentWriter::TakeFile(uint64_t size, OpenedSegment* segment) {
  while (size == options_.segment_size && !spares_.empty()) {
    const FileInfo spare = std::move(spares_.back());
    spares_.pop_back();
    Result<std::unique_ptr<io::File>> file = fs_.Open(spare.path, io::OpenMode::kReadWrite);
    if (file.ok()) {
      segment->file = std::move(*file);
      segment->path = spare.path;
      return OkStatus();
    }
    Unlink(spare.path, spare.size);  // somebody removed it
  }
  return MakeFile(size, Limits::kKept, segment);
}

Status SegmentWriter::CheckRoom(uint64_t size) {
  if (options_.max_size > 0 && disk_bytes_ + size > options_.max_size) {
    return ResourceExhausted(fmt::format("the journal holds {} bytes and max_size is {}",
                                         disk_bytes_, options_.max_size));
  }
  if (options_.reserve > 0) {
    ASSIGN_OR_RETURN(const uint64_t free, fs_.FreeSpace(options_.directory));
    if (free < options_.reserve + size) {
      return ResourceExhausted(fmt::format("the disk has {} bytes left, of which {} are reserved",
                                           free, options_.reserve));
    }
  }
  return OkStatus();
}

bool SegmentWriter::Charge(uint64_t size) {
  if (!disk_account_ || disk_account_->TryCharge(size)) {
    return true;
  }
  if (options_.reserve == 0) {
    return false;  // the budget is not what the disk has
  }
  // Somebody else may have freed space since the start.
  const Result<uint64_t> free = fs_.FreeSpace(options_.directory);
  if (!free.ok() || *free <= options_.reserve) {
    return false;
  }
  options_.disk_budget->RaiseLimit(options_.disk_budget->used() + *free - options_.reserve);
  return disk_account_->TryCharge(size);
}

// Spares go before anybody is refused.
Status SegmentWriter::FindRoom(uint64_t size) {
  Status room = CheckRoom(size);
  for (; !room.ok() && !spares_.empty(); room = CheckRoom(size)) {
    Unlink(spares_.back().path, spares_.back().size);
    spares_.pop_back();
  }
  RETURN_IF_ERROR(room);
  return Charge(size)
             ? OkStatus()
             : ResourceExhausted("the journals of this directory use all the space they may");
}

Status SegmentWriter::MakeFile(uint64_t size, Limits limits, OpenedSegment* segment) {
  if (limits == Limits::kKept) {
    RETURN_IF_ERROR(FindRoom(size));
  } else if (disk_account_) {
    disk_account_->ForceCharge(size);
  }
  const std::string path = io::JoinPath(options_.directory, fmt::format("{:08}.seg", next_file_++));
  const auto make = [&]() -> Status {
    ASSIGN_OR_RETURN(std::unique_ptr<io::File> file, fs_.Open(path, io::OpenMode::kCreate));
    segment->file = std::move(file);
    RETURN_IF_ERROR(segment->file->Allocate(size));
    return options_.sync ? fs_.SyncDirectory(options_.directory) : OkStatus();
  };
  disk_bytes_ += size;
  const Status status = make();
  if (!status.ok()) {
    Unlink(path, size);
    return status;
  }
  segment->path = path;
  return OkStatus();
}

void SegmentWriter::Seal(bool good, GroupResult* result) {
  const uint64_t sequence = active_->segment.header.sequence;
  result->sealed.push_back(sequence);
  if (good) {
    // Only a shortcut for readers: whether it reaches the disk does not matter.
    std::string end;
    EncodeRecordHeader({.kind = RecordKind::kEnd}, {}, active_->segment.header.salt, &end);
    const Status status = active_->segment.file->WriteAt(active_->end, AsBytes(end));
    good = status.ok();
  }
  FileInfo& info = files_[sequence];
  if (!active_->started) {
    // It holds nothing that anybody was told of; while the disk fails, such files must not pile up.
    Unlink(info.path, info.size);
    files_.erase(sequence);
  } else if (!good) {
    info.reusable = false;
  }
  active_.reset();
}

void SegmentWriter::Unlink(const std::string& path, uint64_t size) {
  // If it fails, the file is found and released again at the next start.
  const Status ignored = fs_.Remove(path);
  disk_bytes_ -= size;
  if (disk_account_) {
    disk_account_->Release(size);
  }
}

uint64_t SegmentWriter::Release(const std::vector<uint64_t>& sequences, bool quiet) {
  for (const uint64_t sequence : sequences) {
    const auto it = files_.find(sequence);
    if (it == files_.end() || (active_ && active_->segment.header.sequence == sequence)) {
      continue;
    }
    if (it->second.reusable) {
      spares_.push_back(it->second);
    } else {
      Unlink(it->second.path, it->second.size);
    }
    files_.erase(it);
  }
  // As many as were needed at once lately: a new file costs the file system much more than an old
  // one, and a few checkpoints that need none say little about the next.
  const size_t fading = demand_ - std::min<size_t>(demand_, 1);
  const size_t opened = std::min(std::exchange(opened_, 0), kSparesMax);
  demand_ = quiet ? 0 : std::max(kFading * opened, fading);
  for (const size_t keep = std::max<size_t>((demand_ + kFading - 1) / kFading, 1);
       spares_.size() > keep; spares_.pop_back()) {
    Unlink(spares_.back().path, spares_.back().size);
  }
  return disk_bytes_;
}

void SegmentWriter::ReleaseAll() {
  active_.reset();
  for (const auto& [sequence, file] : files_) {
    Unlink(file.path, file.size);
  }
  files_.clear();
  for (const FileInfo& file : spares_) {
    Unlink(file.path, file.size);
  }
  spares_.clear();
}

}  // namespace gapless::journal
