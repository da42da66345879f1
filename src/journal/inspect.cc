#include "journal/inspect.h"

#include "journal/journal_identity.h"
#include "journal/read_records.h"
#include "journal/segment_recovery.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace gapless::journal {

namespace {

constexpr size_t kHolderMax = 4096;

WallTime ArrivalOf(const StoredRecord& record) { return WallTime(Duration(record.arrival_ns)); }

// The lock, null where the disk is read-only. FAILED_PRECONDITION if a process has it.
Result<std::unique_ptr<io::FileLock>> LockStopped(io::FileSystem& fs,
                                                  const std::string& directory) {
  const std::string owner = fmt::format("pid {} (gapless journal)\n", ::getpid());
  auto lock = fs.Lock(io::JoinPath(directory, "lock"), Duration(0), owner);
  if (!lock.ok() && lock.status().code() == Code::kPermissionDenied) {
    return std::unique_ptr<io::FileLock>();
  }
  return lock;
}

Result<Recovered> Walk(io::FileSystem& fs, const std::string& directory,
                       const std::stop_token& stop = {}) {
  return RecoverJournal(
      {.directory = directory, .name = {}, .read_only = true, .stop = stop, .log = {}}, fs);
}

struct Opened {
  std::unique_ptr<io::FileLock> lock;
  Recovered recovered;
};

Result<Opened> OpenStopped(io::FileSystem& fs, const std::string& directory) {
  const Result<JournalIdentity> identity = ReadIdentity(fs, directory);
  if (!identity.ok()) {
    return identity.status().Annotate(fmt::format("{} is not a journal", directory));
  }
  Opened opened;
  ASSIGN_OR_RETURN(opened.lock, LockStopped(fs, directory));
  ASSIGN_OR_RETURN(opened.recovered, Walk(fs, directory));
  return opened;
}

JournalSummary Summarize(const std::string& directory, const Recovered& recovered) {
  JournalSummary summary;
  summary.directory = directory;
  summary.name = recovered.name;
  summary.ledger = recovered.records.book.ledger();
  summary.owed = recovered.records.book.owed();
  summary.damaged_places = recovered.damaged_places;
  summary.user_state = recovered.user_state;
  summary.checkpoint_sequence = recovered.checkpoint_sequence;
  summary.counted = recovered.counted;
  const RecordIndex& index = recovered.records.index;
  for (const auto& [sequence, segment] : index.segments()) {
    summary.segments.push_back({.path = segment.path,
                                .sequence = sequence,
                                .bytes = segment.capacity,
                                .records = segment.live_records,
                                .live_bytes = segment.live_bytes,
                                .created = WallTime(Duration(segment.header.created_ns))});
    summary.disk_bytes += segment.capacity;
  }
  for (const Debts::Reader& reader : recovered.records.book.debts().readers()) {
    if (!reader.owed.empty()) {
      summary.debts.push_back({.reader = reader.name, .records = reader.owed.size()});
    }
  }
  for (auto next = index.Next(0); next; next = index.Next(*next + 1)) {
    if (recovered.records.book.IsPending(*next)) {
      const WallTime arrival = ArrivalOf(*index.Find(*next));
      summary.oldest = std::min(summary.oldest.value_or(arrival), arrival);
      summary.newest = std::max(summary.newest.value_or(arrival), arrival);
    }
  }
  return summary;
}

// Also of a journal that is in use: what its files say at this moment.
JournalSummary Glance(io::FileSystem& fs, const std::string& directory,
                      const std::stop_token& stop) {
  const auto lock = LockStopped(fs, directory);
  const Result<Recovered> recovered = Walk(fs, directory, stop);
  JournalSummary summary;
  if (recovered.ok()) {
    summary = Summarize(directory, *recovered);
  } else {
    summary.directory = directory;
    summary.status = recovered.status();
  }
  summary.in_use = lock.status().code() == Code::kFailedPrecondition;
  if (summary.in_use) {
    const auto holder = io::ReadWholeFile(fs, io::JoinPath(directory, "lock"), kHolderMax);
    summary.holder = holder.ok() ? holder->substr(0, holder->find('\n')) : "";
  }
  return summary;
}

bool IsJournal(io::FileSystem& fs, const std::string& directory) {
  const Code code = ReadIdentity(fs, directory).status().code();
  return code == Code::kOk || code == Code::kFailedPrecondition || code == Code::kDataLoss;
}

ReadRecord ReadOne(const FoundRecords& records, Position position, const StoredRecord& record) {
  ReadWindow window = WindowOf(*record.segment);
  window.items.push_back(ItemOf(position, record, records.metadata));
  std::vector<ReadRecord> read = ReadRecords(window, true);
  return std::move(read.front());
}

}  // namespace

Result<std::vector<std::string>> FindJournals(io::FileSystem& fs, const std::string& directory) {
  if (IsJournal(fs, directory)) {
    return std::vector<std::string>{directory};
  }
  ASSIGN_OR_RETURN(const std::vector<io::DirectoryEntry> entries, fs.List(directory));
  std::vector<std::string> journals;
  for (const io::DirectoryEntry& entry : entries) {
    const std::string path = io::JoinPath(directory, entry.name);
    if (entry.is_directory && IsJournal(fs, path)) {
      journals.push_back(path);
    }
  }
  return journals;
}

Result<std::vector<JournalSummary>> ListJournals(io::FileSystem& fs, const std::string& directory,
                                                 const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::vector<std::string> journals, FindJournals(fs, directory));
  std::vector<JournalSummary> summaries;
  for (const std::string& journal : journals) {
    summaries.push_back(Glance(fs, journal, stop));
  }
  return summaries;
}

Result<JournalSummary> InspectJournal(io::FileSystem& fs, const std::string& directory) {
  ASSIGN_OR_RETURN(const Opened opened, OpenStopped(fs, directory));
  return Summarize(directory, opened.recovered);
}

Result<VerifyReport> VerifyJournal(io::FileSystem& fs, const std::string& directory) {
  ASSIGN_OR_RETURN(const Opened opened, OpenStopped(fs, directory));
  VerifyReport report;
  report.damaged_places = opened.recovered.damaged_places;
  for (const DamagedPlace& place : opened.recovered.damage) {
    report.damage.push_back(
        fmt::format("{} at {} ({} bytes): {}", place.path, place.offset, place.size, place.what));
  }
  const FoundRecords& records = opened.recovered.records;
  for (auto next = records.index.Next(0); next; next = records.index.Next(*next + 1)) {
    const StoredRecord record = *records.index.Find(*next);
    const ReadRecord read = ReadOne(records, *next, record);
    ++report.records;
    report.bytes += record.size;
    if (!read.batch.ok() && ++report.damaged_records <= kDamagedPlacesMax) {
      report.damage.push_back(read.batch.status().message());
    }
  }
  return report;
}

Status ReplayJournal(io::FileSystem& fs, const std::string& directory, const ReplayRange& range,
                     ReplayVisitor visitor, ReplayReport* report) {
  ASSIGN_OR_RETURN(const Opened opened, OpenStopped(fs, directory));
  const FoundRecords& records = opened.recovered.records;
  for (auto next = records.index.Next(0); next; next = records.index.Next(*next + 1)) {
    const StoredRecord record = *records.index.Find(*next);
    const WallTime arrival = ArrivalOf(record);
    const bool in_range = (!range.from || arrival >= *range.from) &&
                          (!range.to || arrival < *range.to) &&
                          (range.owed || records.book.IsPending(*next));
    if (!in_range) {
      continue;
    }
    ReadRecord read = ReadOne(records, *next, record);
    if (!read.batch.ok()) {
      ++report->damaged;
      continue;
    }
    RETURN_IF_ERROR(visitor(records.InfoOf(*next), std::move(*read.batch)));
    ++report->records;
  }
  return OkStatus();
}

}  // namespace gapless::journal
