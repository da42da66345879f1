// `gapless journal inspect FILE` and `gapless journal import FILE --into DIRECTORY`: the queue
// files of a Collector.
#include "cli/commands/commands.h"
#include "io/posix_file_system.h"
#include "otlp/signal.h"
#include "takeover/queue_content.h"
#include "takeover/queue_import.h"
#include "takeover/queue_item.h"

#include <fmt/format.h>

namespace gapless::cli {
namespace {

// "…/exporter_otlp_a_traces" is about traces.
Result<otlp::Signal> SignalOf(const std::string& file) {
  const auto signal = otlp::ParseSignal(file.substr(file.rfind('_') + 1));
  return signal ? Result<otlp::Signal>(*signal)
                : InvalidArgument(fmt::format(
                      "{}: the name of a queue file ends in _traces, _metrics or _logs", file));
}

Status Inspect(const std::string& path) {
  io::FileSystem& fs = io::PosixFileSystem();
  ASSIGN_OR_RETURN(const otlp::Signal signal, SignalOf(path));
  const auto lock = fs.LockForeign(path);
  ASSIGN_OR_RETURN(const auto file, fs.Open(path, io::OpenMode::kRead));
  ASSIGN_OR_RETURN(const takeover::QueueContent content, takeover::ReadQueueContent(*file));
  uint64_t items = 0;
  uint64_t bytes = 0;
  uint64_t unreadable = 0;
  for (const takeover::QueueItem& item : content.pending) {
    auto value = takeover::ReadQueueItem(*file, item);
    const auto batch = value.ok() ? takeover::DecodeQueueItem(*std::move(value), signal)
                                  : Result<otlp::Batch>(value.status());
    items += batch.ok() ? batch->items : 0;
    bytes += batch.ok() ? batch->raw_size : 0;
    unreadable += batch.ok() ? 0 : 1;
  }
  fmt::print("queue file  {}\n", path);
  fmt::print("state       {}\n", lock.ok() ? "not in use" : "in use by a running Collector");
  fmt::print("pending     {} requests, {} items, {} bytes\n", content.pending.size() - unreadable,
             items, bytes);
  fmt::print("            {} of them were being sent and may have arrived\n", content.dispatched);
  fmt::print("lost        {} without a value, {} that are no OTLP data, {} damaged pages\n",
             content.missing, unreadable, content.damaged_pages);
  return OkStatus();
}

Status Import(const std::string& file, const std::string& journal) {
  ASSIGN_OR_RETURN(const otlp::Signal signal, SignalOf(file));
  takeover::QueueImport import{.file = file, .signal = signal, .journal = {.directory = journal}};
  import.journal.name = file.substr(file.rfind('/') + 1);
  ASSIGN_OR_RETURN(const takeover::ImportReport report,
                   takeover::ImportQueue(std::move(import), io::PosixFileSystem(), {}));
  fmt::print("{} requests with {} items were imported into {}", report.requests, report.items,
             journal);
  fmt::print("{}\n", report.before > 0 ? fmt::format(", {} before", report.before) : "");
  if (report.unreadable + report.missing + report.damaged_pages > 0) {
    fmt::print("{} are no OTLP data, {} have no value, {} pages are damaged\n", report.unreadable,
               report.missing, report.damaged_pages);
  }
  if (report.left > 0) {
    return report.no_room.Annotate(
        fmt::format("{} requests are left, the next import goes on with them", report.left));
  }
  fmt::print("The file is {} now\n", report.moved);
  return OkStatus();
}

}  // namespace

int InspectQueueFile(const std::string& file) {
  const Status status = Inspect(file);
  return status.ok() ? 0 : Fail(status);
}

int ImportQueueFile(const std::string& file, const std::string& journal) {
  const Status status = Import(file, journal);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace gapless::cli
