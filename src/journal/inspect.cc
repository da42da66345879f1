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

WallTime ArrivalOf(const RecoveredRecord& record) {
  return WallTime(Duration(record.header.arrival_ns));
}

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

Result<Recovered> Walk(io::FileSystem& fs, const std::string& directory) {
  return RecoverJournal({.directory = directory, .name = {}, .read_only = true, .log = {}}, fs);
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
  summary.ledger = recovered.book.ledger();
  summary.owed = recovered.book.owed();
  summary.damaged_places = recovered.damaged_places;
  summary.user_state = recovered.user_state;
  summary.segments = recovered.segments.size();
  for (const auto& [sequence, segment] : recovered.segments) {
    summary.disk_bytes += segment.size;
  }
  for (const Debts::Reader& reader : recovered.book.debts().readers()) {
    if (!reader.owed.empty()) {
      summary.debts.push_back({.reader = reader.name, .records = reader.owed.size()});
    }
  }
  for (const auto& [position, record] : recovered.records) {
    if (recovered.book.IsPending(position)) {
      const WallTime arrival = ArrivalOf(record);
      summary.oldest = std::min(summary.oldest.value_or(arrival), arrival);
      summary.newest = std::max(summary.newest.value_or(arrival), arrival);
    }
  }
  return summary;
}

// Also of a journal that is in use: what its files say at this moment.
JournalSummary Glance(io::FileSystem& fs, const std::string& directory) {
  const auto lock = LockStopped(fs, directory);
  Result<Recovered> recovered = Walk(fs, directory);
  JournalSummary summary;
  if (recovered.ok()) {
    summary = Summarize(directory, *recovered);
  } else {
    summary.directory = directory;
    summary.status = recovered.status();
  }
  summary.in_use = lock.status().code() == Code::kFailedPrecondition;
  return summary;
}

bool IsJournal(io::FileSystem& fs, const std::string& directory) {
  const Code code = ReadIdentity(fs, directory).status().code();
  return code == Code::kOk || code == Code::kFailedPrecondition;
}

ReadRecord ReadOne(const Recovered& recovered, Position position, const RecoveredRecord& record) {
  const RecoveredSegment& segment = recovered.segments.at(record.segment);
  const ReadWindow window{.segment = segment.header,
                          .file = segment.file,
                          .path = segment.path,
                          .items = {{.position = position,
                                     .offset = record.offset,
                                     .size = record.header.total_size(),
                                     .metadata = record.metadata}}};
  std::vector<ReadRecord> read = ReadRecords(window, true);
  return std::move(read.front());
}

}  // namespace

Result<std::vector<JournalSummary>> ListJournals(io::FileSystem& fs, const std::string& directory) {
  if (IsJournal(fs, directory)) {
    return std::vector<JournalSummary>{Glance(fs, directory)};
  }
  ASSIGN_OR_RETURN(const std::vector<io::DirectoryEntry> entries, fs.List(directory));
  std::vector<JournalSummary> summaries;
  for (const io::DirectoryEntry& entry : entries) {
    const std::string path = io::JoinPath(directory, entry.name);
    if (entry.is_directory && IsJournal(fs, path)) {
      summaries.push_back(Glance(fs, path));
    }
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
  for (const auto& [position, record] : opened.recovered.records) {
    const ReadRecord read = ReadOne(opened.recovered, position, record);
    ++report.records;
    report.bytes += read.item.size;
    if (!read.batch.ok()) {
      report.damaged_records.push_back(read.batch.status().message());
    }
  }
  return report;
}

Result<ReplayReport> ReplayJournal(io::FileSystem& fs, const std::string& directory,
                                   const ReplayRange& range, ReplayVisitor visitor) {
  ASSIGN_OR_RETURN(const Opened opened, OpenStopped(fs, directory));
  ReplayReport report;
  for (const auto& [position, record] : opened.recovered.records) {
    const WallTime arrival = ArrivalOf(record);
    const bool in_range = (!range.from || arrival >= *range.from) &&
                          (!range.to || arrival < *range.to) &&
                          (range.owed || opened.recovered.book.IsPending(position));
    if (!in_range) {
      continue;
    }
    ReadRecord read = ReadOne(opened.recovered, position, record);
    if (!read.batch.ok()) {
      ++report.damaged;
      continue;
    }
    RETURN_IF_ERROR(visitor({.position = position,
                             .arrival = arrival,
                             .items = record.header.items,
                             .bytes = record.header.raw_size,
                             .metadata = record.metadata},
                            std::move(*read.batch)));
    ++report.records;
  }
  return report;
}

}  // namespace gapless::journal
