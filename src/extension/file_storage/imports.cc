#include "extension/file_storage/imports.h"

#include "takeover/queue_import.h"

namespace gapless::extension::file_storage {
namespace {

void Say(const telemetry::Logger& log, telemetry::LogLevel level, std::string_view message,
         telemetry::LogFields fields) {
  if (level == telemetry::LogLevel::kWarn) {
    log.Warn(message, fields);
  } else {
    log.Info(message, fields);
  }
}

void Tell(const telemetry::Logger& log, const std::string& file,
          const takeover::ImportReport& report) {
  const bool whole = report.unreadable == 0 && report.damaged_pages == 0 && report.missing == 0;
  const auto level = whole ? telemetry::LogLevel::kInfo : telemetry::LogLevel::kWarn;
  Say(log, level, "Imported the queue of a Collector",
      {{"file", file},
       {"requests", report.requests},
       {"items", report.items},
       {"dispatched", report.dispatched},
       {"unreadable", report.unreadable},
       {"missing", report.missing},
       {"damaged_pages", report.damaged_pages},
       {"kept_as", report.moved}});
  if (report.left > 0) {
    log.Error("A part of a Collector's queue found no room: the next start goes on with it",
              {{"file", file}, {"requests", report.left}, {"error", report.no_room}});
  }
}

}  // namespace

Status ImportQueues(const queue::CollectorQueues& left, const std::string& directory,
                    const journal::SegmentJournalOptions& journal, io::FileSystem& fs,
                    const telemetry::Logger& log, const std::stop_token& stop) {
  for (const std::string& name : left.files) {
    const std::string file = io::JoinPath(directory, name);
    const auto is_directory = fs.IsDirectory(file);
    if (!is_directory.ok() || *is_directory) {
      continue;
    }
    const auto report =
        takeover::ImportQueue({.file = file, .signal = left.signal, .journal = journal}, fs, stop);
    if (report.ok()) {
      Tell(log, file, *report);
    } else if (report.status().code() == Code::kInvalidArgument ||
               report.status().code() == Code::kFailedPrecondition) {
      log.Error("The queue of a Collector is not imported",
                {{"file", file}, {"error", report.status()}});
    } else {
      return report.status().Annotate(file);
    }
  }
  return OkStatus();
}

}  // namespace gapless::extension::file_storage
