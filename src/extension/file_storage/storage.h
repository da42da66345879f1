// FileStorage: opens the segment journals of one `file_storage` extension, a directory for each.
#pragma once

#include "base/mutex.h"
#include "extension/file_storage/config.h"
#include "io/file_system.h"
#include "journal/budget.h"
#include "journal/segment_journal.h"
#include "queue/factory.h"
#include "telemetry/log.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::extension::file_storage {

// "exporter_otlp_a_traces.journal". No queue file of a Collector has such a name, so that both can
// take turns on one directory.
std::string DirectoryNameOf(std::string_view journal_name);

class FileStorage final : public queue::JournalStorage {
 public:
  // `fs` outlives the storage and its journals. `memory`: for the index and the recent records of
  // them all; null: no limit.
  FileStorage(Config config, io::FileSystem& fs, telemetry::Logger log,
              std::shared_ptr<journal::Budget> memory = nullptr);

  Result<queue::RecoveredJournal> Recover(std::string_view name, const queue::CollectorQueues& left,
                                          std::stop_token stop) override;
  std::string PlaceOf(std::string_view name) const override;
  // What cannot be read is logged.
  std::vector<queue::LeftJournal> Left(const std::set<std::string>& claimed,
                                       std::stop_token stop) override;

 private:
  // Makes the directory if need be, and what its journals share; at the first use.
  Status Prepare() GAPLESS_REQUIRES(mu_);
  Result<journal::SegmentJournalOptions> OptionsFor(std::string_view name);
  // Journals of versions before 0.2 had the name of a Collector's queue file.
  Status AdoptFormerName(std::string_view name, const std::string& directory);

  const Config config_;
  io::FileSystem& fs_;
  const std::string directory_;  // as configured, or the default; perhaps it is not there
  const telemetry::Logger log_;
  const std::shared_ptr<journal::Budget> memory_;
  Mutex mu_;
  uint64_t reserve_ GAPLESS_GUARDED_BY(mu_) = 0;
  std::shared_ptr<journal::Budget> disk_ GAPLESS_GUARDED_BY(mu_);
};

}  // namespace gapless::extension::file_storage
