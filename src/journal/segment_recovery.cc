#include "journal/segment_recovery.h"

#include "io/executor.h"
#include "journal/checkpoint.h"
#include "journal/journal_identity.h"
#include "journal/segment_scan.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr uint64_t kCopyMax = uint64_t{4} << 20;
constexpr uint64_t kCheckedAtOnce = uint64_t{1} << 20;

// Everything before the end of the data. Any thread.
Result<std::vector<ScanItem>> ScanSegment(const Segment& segment) {
  SegmentScanner scanner(*segment.file, segment.header,
                         std::min(segment.capacity, kSegmentSizeMax));
  std::vector<ScanItem> items;
  while (true) {
    ASSIGN_OR_RETURN(ScanItem item, scanner.Next());
    if (item.kind == ScanItem::Kind::kEnd) {
      return items;
    }
    items.push_back(std::move(item));
  }
}

Result<SegmentHeader> ReadHeader(io::File& file, uint64_t size) {
  std::string start(std::min(size, kSegmentDataAt), '\0');
  ASSIGN_OR_RETURN(const size_t got, file.ReadAt(0, std::as_writable_bytes(std::span(start))));
  start.resize(got);
  return DecodeSegmentStart(AsBytes(start));
}

class Recovery {
 public:
  Recovery(const RecoveryOptions& options, io::FileSystem& fs) : options_(options), fs_(fs) {}

  Result<Recovered> Run() {
    RETURN_IF_ERROR(FindIdentity());
    RETURN_IF_ERROR(LoadCheckpoint());
    RETURN_IF_ERROR(OpenSegments());
    RETURN_IF_ERROR(ScanSegments());
    DropTornRecords();
    Account();
    return std::move(out_);
  }

 private:
  Status FindIdentity();
  // None: no segment says.
  Result<std::optional<uint64_t>> IdOfSegments();
  Status LoadCheckpoint();
  Status OpenSegments();
  Status OpenSegmentFile(const std::string& name);
  Status ScanSegments();
  void Adopt(Segment& segment, const std::vector<ScanItem>& items);
  void Keep(Segment& segment, const ScanItem& item);
  void Remove(Position position);
  bool IsBadCopy(const Segment& segment, const ScanItem& item) const;
  void NoteDamage(const Segment& segment, const ScanItem& item);
  void Count(DamagedPlace place);
  void DropTornRecords();
  void Account();

  std::map<uint64_t, Segment>& segments() { return out_.records.index.segments(); }

  const RecoveryOptions& options_;
  io::FileSystem& fs_;
  Recovered out_;
  Checkpoint checkpoint_;
  IntervalSet retained_;
  // Holes in the positions of a damaged place at or above `counted`.
  IntervalSet unknown_;
};

Status Recovery::FindIdentity() {
  Result<JournalIdentity> identity = ReadIdentity(fs_, options_.directory);
  if (identity.ok()) {
    out_.journal_id = identity->id;
    out_.name = identity->name;
    return OkStatus();
  }
  const Code code = identity.status().code();
  if (options_.read_only || (code != Code::kNotFound && code != Code::kDataLoss)) {
    return identity.status();
  }
  // New, or the identity was lost: then the segments and checkpoints still carry the ID.
  RETURN_IF_ERROR(CheckNoForeignFiles(fs_, options_.directory));
  ASSIGN_OR_RETURN(const FoundCheckpoints found, FindCheckpoints(fs_, options_.directory, 0));
  if (found.best) {
    out_.journal_id = found.best->journal_id;
  } else {
    ASSIGN_OR_RETURN(const std::optional<uint64_t> of_segments, IdOfSegments());
    out_.journal_id = of_segments.value_or(options_.new_journal_id);
  }
  out_.name = options_.name;
  return WriteIdentity(fs_, options_.directory, {.id = out_.journal_id, .name = out_.name});
}

Result<std::optional<uint64_t>> Recovery::IdOfSegments() {
  ASSIGN_OR_RETURN(const std::vector<io::DirectoryEntry> entries, fs_.List(options_.directory));
  for (const io::DirectoryEntry& entry : entries) {
    if (!IsSegmentName(entry.name) || entry.is_directory) {
      continue;
    }
    const std::string path = io::JoinPath(options_.directory, entry.name);
    ASSIGN_OR_RETURN(const std::unique_ptr<io::File> file, fs_.Open(path, io::OpenMode::kRead));
    const Result<SegmentHeader> header = ReadHeader(*file, kSegmentDataAt);
    if (header.ok()) {
      return std::optional(header->journal_id);
    }
    const Code code = header.status().code();
    if (code != Code::kDataLoss && code != Code::kNotFound && code != Code::kFailedPrecondition) {
      return header.status().Annotate(path);  // the disk failed to read it
    }
  }
  return std::optional<uint64_t>();
}

Status Recovery::LoadCheckpoint() {
  ASSIGN_OR_RETURN(FoundCheckpoints found,
                   FindCheckpoints(fs_, options_.directory, out_.journal_id));
  out_.next_checkpoint = found.next_sequence;
  out_.next_position = found.head;
  if (found.damaged) {
    Count({.path = options_.directory, .what = "a checkpoint is damaged"});
    options_.log.Warn("a checkpoint of the journal is damaged",
                      {{"directory", options_.directory},
                       {"instead", found.best ? "the one before" : "everything is pending"}});
  }
  if (found.best) {
    checkpoint_ = std::move(*found.best);
  }
  for (const Retention::Group& group : checkpoint_.retained) {
    for (const auto& [begin, end] : group.positions.intervals()) {
      if (!options_.read_only) {
        retained_.AddRange(begin, end);
      }
    }
  }
  out_.user_state = checkpoint_.user_state;
  out_.checkpoint_sequence = checkpoint_.sequence;
  out_.counted = checkpoint_.counted;
  return OkStatus();
}

Status Recovery::OpenSegments() {
  ASSIGN_OR_RETURN(const std::vector<io::DirectoryEntry> entries, fs_.List(options_.directory));
  for (const io::DirectoryEntry& entry : entries) {
    if (IsSegmentName(entry.name) && !entry.is_directory) {
      RETURN_IF_ERROR(OpenSegmentFile(entry.name));
    }
  }
  return OkStatus();
}

Status Recovery::OpenSegmentFile(const std::string& name) {
  uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  out_.next_file = std::max(out_.next_file, number + 1);
  const std::string path = io::JoinPath(options_.directory, name);
  ASSIGN_OR_RETURN(std::unique_ptr<io::File> file, fs_.Open(path, io::OpenMode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  const Result<SegmentHeader> header = ReadHeader(*file, size);
  if (header.ok() && header->journal_id == out_.journal_id) {
    out_.next_sequence = std::max(out_.next_sequence, header->sequence + 1);
    out_.next_position = std::max(out_.next_position, header->first_position);
    if (!segments().contains(header->sequence)) {
      out_.records.index.AddSegment(*header, std::move(file), path, size).sealed = true;
      return OkStatus();
    }
    // Two files with one sequence: somebody copied one. Take the first, keep the other aside.
  } else if (!header.ok() && header.status().code() == Code::kNotFound) {
    // Made, and the process died before it was used.
    if (!options_.read_only) {
      const Status ignored = fs_.Remove(path);
    }
    return OkStatus();
  } else if (!header.ok() && header.status().code() != Code::kDataLoss) {
    return header.status().Annotate(path);  // of a newer version, or the disk failed to read it
  }
  const std::string_view reason =
      header.ok() ? "it is not of this journal" : "its header is damaged";
  Count(
      {.path = path, .size = size, .what = fmt::format("the segment cannot be used: {}", reason)});
  options_.log.Warn("a segment of the journal cannot be used; it is kept aside",
                    {{"file", path}, {"reason", reason}});
  if (!options_.read_only) {
    // Best effort: a file that stays is looked at again at the next start.
    const std::string aside = io::JoinPath(options_.directory, "damaged");
    if (fs_.MakeDirectory(aside, 0700).ok()) {
      const Status ignored = fs_.Rename(path, io::JoinPath(aside, name));
    }
  }
  return OkStatus();
}

// A disk answers several readers at once faster than one after the other; what they find is looked
// at in the order of the journal.
Status Recovery::ScanSegments() {
  std::vector<std::unique_ptr<io::ServiceThread>> threads;
  for (size_t i = 0; options_.segments_at_once > 1 && i < options_.segments_at_once; ++i) {
    threads.push_back(std::make_unique<io::ServiceThread>("journal-scan"));
  }
  std::deque<std::future<Result<std::vector<ScanItem>>>> scans;
  auto next = segments().begin();
  for (size_t started = 0; auto& [sequence, segment] : segments()) {
    if (options_.stop.stop_requested()) {
      return Cancelled("the journal is not needed any more");
    }
    for (; scans.size() < std::max<size_t>(threads.size(), 1) && next != segments().end(); ++next) {
      std::packaged_task scan([&scanned = next->second] { return ScanSegment(scanned); });
      scans.push_back(scan.get_future());
      if (threads.empty()) {
        scan();
      } else {
        threads[started++ % threads.size()]->Post(std::move(scan));
      }
    }
    ASSIGN_OR_RETURN(const std::vector<ScanItem> items, scans.front().get());
    scans.pop_front();
    Adopt(segment, items);
  }
  return OkStatus();
}

void Recovery::Adopt(Segment& segment, const std::vector<ScanItem>& items) {
  Position last = 0;
  bool after_damage = false;
  for (const ScanItem& item : items) {
    if (item.kind == ScanItem::Kind::kDamage) {
      NoteDamage(segment, item);
      after_damage = true;
      continue;
    }
    if ((item.header.flags & kFlagMoved) != 0) {
      Keep(segment, item);
      continue;
    }
    const Position position = item.header.position;
    if (after_damage && last != 0) {
      unknown_.AddRange(std::max(last + 1, checkpoint_.counted), position);
    }
    after_damage = false;
    last = position;
    Keep(segment, item);
  }
}

void Recovery::Count(DamagedPlace place) {
  ++out_.damaged_places;
  if (out_.damage.size() < kDamagedPlacesMax) {
    out_.damage.push_back(std::move(place));
  }
}

void Recovery::NoteDamage(const Segment& segment, const ScanItem& item) {
  Count({.path = segment.path,
         .offset = item.offset,
         .size = item.size,
         .what = "bytes are damaged"});
  options_.log.Error("bytes of the journal are damaged; they are skipped",
                     {{"file", segment.path}, {"offset", item.offset}, {"size", item.size}});
  if (!options_.read_only) {
    CopyAside(fs_, options_.directory, segment.path, *segment.file, item.offset, item.size);
  }
}

void Recovery::Keep(Segment& segment, const ScanItem& item) {
  const RecordHeader& header = item.header;
  const Position position = header.position;
  out_.next_position = std::max(out_.next_position, position + 1);
  const bool held = position >= checkpoint_.counted || checkpoint_.pending.Contains(position) ||
                    checkpoint_.debts.IsOwed(position) || retained_.Contains(position);
  if (!held || IsBadCopy(segment, item)) {
    return;
  }
  if (out_.records.index.Find(position)) {
    Remove(position);
  }
  out_.records.index.Insert(position,
                            {.segment = &segment,
                             .offset = item.offset,
                             .size = header.total_size(),
                             .raw_size = header.raw_size,
                             .arrival_ns = header.arrival_ns,
                             .items = header.items,
                             .lanes = header.lanes,
                             .metadata = out_.records.metadata.Hold(item.metadata)},
                            (header.flags & kFlagMoved) != 0);
}

void Recovery::Remove(Position position) {
  out_.records.metadata.LetGo(out_.records.index.Find(position)->metadata);
  out_.records.index.Erase(position);
}

// Somebody died while it was being moved, or its write failed: the record is where it was.
bool Recovery::IsBadCopy(const Segment& segment, const ScanItem& item) const {
  if ((item.header.flags & kFlagMoved) == 0 || !out_.records.index.Find(item.header.position)) {
    return false;
  }
  const Result<bool> good = CheckPayload(*segment.file, segment.header, item.offset, item.header);
  return !good.ok() || !*good;
}

// Those above the checkpoint, in windows of neighbours.
void Recovery::DropTornRecords() {
  const RecordIndex& index = out_.records.index;
  for (std::optional<Position> next = index.Next(checkpoint_.counted); next;) {
    const Segment& segment = *index.Find(*next)->segment;
    ReadWindow window = WindowOf(segment);
    for (uint64_t bytes = 0; next && bytes < kCheckedAtOnce; next = index.Next(*next + 1)) {
      const StoredRecord record = *index.Find(*next);
      if (record.segment != &segment) {
        break;
      }
      window.items.push_back(ItemOf(*next, record, out_.records.metadata));
      bytes += record.size;
    }
    const std::vector<ReadRecord> read = ReadRecords(window, /*unpack=*/false);
    for (size_t i = 0; i < read.size(); ++i) {
      // A disk error is not a proof: the record stays, and its reader will see.
      if (read[i].batch.status().code() == Code::kDataLoss) {
        Remove(window.items[i].position);
      }
    }
  }
}

void Recovery::Account() {
  IntervalSet missing = checkpoint_.pending;
  IntervalSet present;
  Amount found;
  Amount owed;
  const RecordIndex& index = out_.records.index;
  for (auto next = index.Next(0); next; next = index.Next(*next + 1)) {
    const StoredRecord record = *index.Find(*next);
    unknown_.Remove(*next);
    present.Add(*next);
    if (missing.Remove(*next)) {
      found += record.amount();
    }
    if (checkpoint_.debts.IsOwed(*next)) {
      owed += record.amount();
      out_.records.owed_bytes += record.size;
    }
  }
  checkpoint_.debts.KeepOnly(present);
  for (Retention::Group& group : checkpoint_.retained) {
    group.positions = IntervalSet::Intersection(group.positions, present);
  }
  if (!options_.read_only) {
    out_.retained = std::move(checkpoint_.retained);
  }
  Amount lost = checkpoint_.ledger.pending;
  lost -= found;
  Book& book = out_.records.book;
  book.Restore(checkpoint_.ledger, checkpoint_.pending, std::move(checkpoint_.debts),
               checkpoint_.given_up);
  book.RestoreOwed(owed);
  if (!missing.empty()) {
    const bool unsynced = checkpoint_.unsynced && out_.damaged_places == 0;
    const DropReason reason = unsynced ? DropReason::kUnsynced : DropReason::kDamaged;
    book.DropMissing(missing, lost, reason);
    options_.log.Error("records of the journal are lost", {{"directory", options_.directory},
                                                           {"records", missing.size()},
                                                           {"reason", ToString(reason)}});
  }
  for (auto next = index.Next(checkpoint_.counted); next; next = index.Next(*next + 1)) {
    book.Accept(*next, index.Find(*next)->amount());
  }
  book.BookUnknownLoss(unknown_.size(), DropReason::kDamaged);
}

}  // namespace

Result<Recovered> RecoverJournal(const RecoveryOptions& options, io::FileSystem& fs) {
  return Recovery(options, fs).Run();
}

void CopyAside(io::FileSystem& fs, const std::string& directory, const std::string& file_path,
               io::File& file, uint64_t offset, uint64_t size) {
  const std::string aside = io::JoinPath(directory, "damaged");
  if (!fs.MakeDirectory(aside, 0700).ok()) {
    return;
  }
  const Result<std::vector<io::DirectoryEntry>> copies = fs.List(aside);
  if (!copies.ok() || copies->size() >= kDamagedCopiesMax) {
    return;
  }
  std::string bytes(std::min(size, kCopyMax), '\0');
  const Result<size_t> got = file.ReadAt(offset, std::as_writable_bytes(std::span(bytes)));
  if (!got.ok()) {
    return;
  }
  bytes.resize(*got);
  const std::string name =
      fmt::format("{}-{}.bin", file_path.substr(file_path.rfind('/') + 1), offset);
  Result<std::unique_ptr<io::File>> copy =
      fs.Open(io::JoinPath(aside, name), io::OpenMode::kCreate);
  if (copy.ok()) {
    const Status ignored = (*copy)->WriteAt(0, AsBytes(bytes));
  }
}

}  // namespace gapless::journal
