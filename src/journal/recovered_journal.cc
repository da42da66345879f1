#include "journal/recovered_journal.h"

#include "base/rng.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace gapless::journal {

namespace {

// What is retained and needed by nobody else.
void CountRetained(Recovered& found) {
  FoundRecords& records = found.records;
  records.retained.Restore(std::move(found.retained),
                           [&](Position position) -> std::optional<RetainedSize> {
                             if (records.book.IsOwed(position)) {
                               return std::nullopt;
                             }
                             const StoredRecord record = *records.index.Find(position);
                             records.index.CountRetained(record, true);
                             return RetainedSizeOf(record);
                           });
}

}  // namespace

Result<RecoveredJournal> RecoverSegmentJournal(SegmentJournalOptions options, io::FileSystem& fs,
                                               std::stop_token stop) {
  RETURN_IF_ERROR(fs.MakeDirectory(options.directory, 0700));
  ASSIGN_OR_RETURN(std::unique_ptr<io::FileLock> lock,
                   fs.Lock(io::JoinPath(options.directory, "lock"), options.lock_timeout,
                           fmt::format("pid {}\n", ::getpid())));
  const RecoveryOptions recovery{.directory = options.directory,
                                 .name = options.name,
                                 .new_journal_id = options.seed != 0 ? options.seed : RandomSeed(),
                                 .segments_at_once = options.recover_at_once,
                                 .stop = std::move(stop),
                                 .log = options.log};
  ASSIGN_OR_RETURN(Recovered found, RecoverJournal(recovery, fs));
  CountRetained(found);
  if (options.backfill_max_size == 0) {
    ASSIGN_OR_RETURN(const uint64_t free, fs.FreeSpace(options.directory));
    options.backfill_max_size = (free > options.reserve ? free - options.reserve : 0) / 2;
    if (options.max_size > 0) {
      options.backfill_max_size = std::min(options.backfill_max_size, options.max_size / 2);
    }
  }
  auto checkpoints = std::make_unique<CheckpointWriter>(fs, options.directory, options.sync);
  checkpoints->Reserve();
  return RecoveredJournal{.options = std::move(options),
                          .fs = &fs,
                          .lock = std::move(lock),
                          .checkpoints = std::move(checkpoints),
                          .found = std::move(found)};
}

}  // namespace gapless::journal
