#include "extension/file_storage/storage.h"

#include "config/permissions.h"
#include "extension/file_storage/imports.h"
#include "journal/inspect.h"
#include "journal/segment_journal.h"
#include "takeover/queue_name.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gapless::extension::file_storage {

namespace {

// Left free for everything else on the disk: a twentieth of what is free, at most this.
constexpr uint64_t kReserveMax = uint64_t{1} << 30;
// On a disk that is full at the start; it may have room later.
constexpr uint64_t kReserveMin = 64 * 1024;
constexpr uint64_t kReservePart = 20;

uint64_t BytesOfJournals(io::FileSystem& fs, const std::string& directory) {
  uint64_t bytes = 0;
  const auto journals = fs.List(directory);
  for (size_t i = 0; journals.ok() && i < journals->size(); ++i) {
    const std::string path = io::JoinPath(directory, (*journals)[i].name);
    const auto files = fs.List(path);
    for (size_t k = 0; files.ok() && k < files->size(); ++k) {
      auto file = fs.Open(io::JoinPath(path, (*files)[k].name), io::OpenMode::kRead);
      const Result<uint64_t> size = file.ok() ? (*file)->Size() : Result<uint64_t>(0);
      bytes += size.ok() ? *size : 0;
    }
  }
  return bytes;
}

// Says what to do about a journal that cannot be opened.
Status Advise(const Status& status) {
  switch (status.code()) {
    case Code::kPermissionDenied:
      return Status(status.code(),
                    fmt::format("{}; this process must be able to write there", status.message()));
    case Code::kResourceExhausted:
      return Status(status.code(),
                    fmt::format("{}; free some space on that disk", status.message()));
    default:
      return status;
  }
}

}  // namespace

std::string DirectoryNameOf(std::string_view journal_name) {
  return takeover::SanitizedName(journal_name) + ".journal";
}

FileStorage::FileStorage(Config config, io::FileSystem& fs, telemetry::Logger log,
                         std::shared_ptr<journal::Budget> memory)
    : config_(std::move(config)),
      fs_(fs),
      directory_(config_.directory.empty() ? DefaultDirectory(fs, SystemSurroundings())
                                           : config_.directory),
      log_(std::move(log)),
      memory_(std::move(memory)) {}

std::string FileStorage::PlaceOf(std::string_view name) const {
  return io::JoinPath(directory_, DirectoryNameOf(name));
}

Status FileStorage::Prepare() {
  if (disk_) {
    return OkStatus();
  }
  const bool own = config_.directory.empty();
  if (own || config_.create_directory) {
    ASSIGN_OR_RETURN(const uint32_t mode, config::ParsePermissions(config_.directory_permissions));
    RETURN_IF_ERROR(fs_.MakeDirectory(directory_, mode));
  }
  ASSIGN_OR_RETURN(const uint64_t free, fs_.FreeSpace(directory_));
  reserve_ = std::clamp(free / kReservePart, kReserveMin, kReserveMax);
  const uint64_t limit = std::max(free, reserve_) - reserve_ + BytesOfJournals(fs_, directory_);
  disk_ = std::make_shared<journal::Budget>(limit);
  if (own) {
    log_.Info("file_storage keeps its journals here", {{"directory", directory_}});
  }
  return OkStatus();
}

Result<journal::SegmentJournalOptions> FileStorage::OptionsFor(std::string_view name) {
  journal::SegmentJournalOptions options;
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Advise(Prepare()).Annotate("file_storage"));
  options.directory = PlaceOf(name);
  options.reserve = reserve_;
  options.memory_budget = memory_;
  options.disk_budget = disk_;
  options.name = name;
  options.max_size = config_.max_size.bytes;
  options.sync = config_.fsync;
  options.pack = config_.compression == Compression::kZstd;
  options.lock_timeout = config_.timeout;
  options.log = log_;
  return options;
}

Status FileStorage::AdoptFormerName(std::string_view name, const std::string& directory) {
  const std::string former = io::JoinPath(directory_, takeover::SanitizedName(name));
  const auto is_directory = fs_.IsDirectory(former);
  if (!is_directory.ok() || !*is_directory || fs_.IsDirectory(directory).ok()) {
    return OkStatus();
  }
  RETURN_IF_ERROR(fs_.Rename(former, directory));
  return fs_.SyncDirectory(directory_);
}

Result<queue::RecoveredJournal> FileStorage::Recover(std::string_view name,
                                                     const queue::CollectorQueues& left,
                                                     std::stop_token stop) {
  ASSIGN_OR_RETURN(journal::SegmentJournalOptions options, OptionsFor(name));
  Status ready = AdoptFormerName(name, options.directory);
  if (ready.ok()) {
    ready = ImportQueues(left, directory_, options, fs_, log_, stop);
  }
  auto recovered =
      ready.ok() ? journal::RecoverSegmentJournal(std::move(options), fs_, std::move(stop)) : ready;
  if (!recovered.ok()) {
    return Advise(recovered.status()).Annotate(fmt::format("journal {}", name));
  }
  return queue::RecoveredJournal([found = *std::move(recovered)](Loop& home) mutable {
    return std::make_unique<journal::SegmentJournal>(std::move(found), home);
  });
}

std::vector<queue::LeftJournal> FileStorage::Left(const std::set<std::string>& claimed,
                                                  std::stop_token stop) {
  std::set<std::string> known;
  for (const std::string& name : claimed) {
    known.insert(PlaceOf(name));
  }
  std::vector<queue::LeftJournal> left;
  const auto paths = journal::FindJournals(fs_, directory_);
  for (size_t i = 0; paths.ok() && i < paths->size(); ++i) {
    if (known.contains((*paths)[i])) {
      continue;
    }
    const auto found = journal::ListJournals(fs_, (*paths)[i], stop);
    if (stop.stop_requested()) {
      break;
    }
    const journal::JournalSummary summary =
        found.ok() && !found->empty() ? found->front() : journal::JournalSummary();
    if (!summary.status.ok()) {
      log_.Warn("A journal that no component uses cannot be read",
                {{"directory", summary.directory}, {"error", summary.status}});
      continue;
    }
    journal::Amount needed = summary.ledger.pending;
    needed += summary.owed;
    if (!summary.in_use && needed.requests > 0) {
      left.push_back({.name = summary.name, .directory = summary.directory, .needed = needed});
    }
  }
  return left;
}

}  // namespace gapless::extension::file_storage
