// `gapless journal list|inspect|verify|replay`: what lies in the journals of a stopped process.
#include "base/duration_text.h"
#include "base/rfc3339.h"
#include "cli/commands/commands.h"
#include "cli/process/moment.h"
#include "cli/process/signals.h"
#include "config/units.h"
#include "extension/file_storage/config.h"
#include "io/posix_file_system.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

namespace gapless::cli {
namespace {

using journal::Amount;
using journal::JournalSummary;

std::string Size(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) {
    value /= 1024;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string Of(const Amount& amount) {
  return fmt::format("{} requests, {} items, {}", amount.requests, amount.items,
                     Size(amount.bytes));
}

std::string Age(WallTime since) {
  const Duration age = std::chrono::system_clock::now() - since;
  return FormatDuration(std::chrono::floor<std::chrono::seconds>(age));
}

// A directory is named after kind, type, name and signal: "exporter_otlp_primary_traces".
struct Owner {
  std::string component;
  std::string signal;
};

Owner OwnerOf(const std::string& name) {
  const size_t kind = name.find('_');
  const size_t signal = name.rfind('_');
  if (kind == std::string::npos || signal <= kind) {
    return {.component = name, .signal = ""};
  }
  std::string component = name.substr(kind + 1, signal - kind - 1);
  while (component.ends_with('_')) {
    component.pop_back();
  }
  return {.component = fmt::format("{} {}", name.substr(0, kind), component),
          .signal = name.substr(signal + 1)};
}

std::string StateOf(const JournalSummary& summary) {
  if (!summary.status.ok()) {
    return "unreadable";
  }
  if (summary.in_use) {
    return fmt::format("in use ({})", summary.holder);
  }
  if (summary.damaged_places > 0) {
    return "damaged";
  }
  if (summary.ledger.pending.requests > 0) {
    return "pending";
  }
  return summary.owed.requests > 0 ? "owed" : "empty";
}

using Row = std::array<std::string, 8>;

void PrintTable(const std::vector<Row>& rows) {
  std::array<size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

int List(io::FileSystem& fs, const std::string& directory) {
  const auto journals = journal::ListJournals(fs, directory);
  if (!journals.ok()) {
    return Fail(journals.status());
  }
  if (journals->empty()) {
    fmt::print("No journals in {}\n", directory);
    return 0;
  }
  std::vector<Row> rows = {
      {"OWNER", "SIGNAL", "STATE", "REQUESTS", "DATA", "OLDEST", "ON DISK", "DIRECTORY"}};
  int status = 0;
  for (const JournalSummary& summary : *journals) {
    const Owner owner = OwnerOf(summary.name);
    const Amount& pending = summary.ledger.pending;
    rows.push_back({owner.component, owner.signal, StateOf(summary),
                    fmt::format("{}", pending.requests), Size(pending.bytes),
                    summary.oldest ? Age(*summary.oldest) : "-", Size(summary.disk_bytes),
                    summary.directory});
    if (!summary.status.ok()) {
      fmt::print(stderr, "{}: {}\n", summary.directory, summary.status.message());
      status = 1;
    }
  }
  PrintTable(rows);
  return status;
}

void PrintLedger(const JournalSummary& summary) {
  const journal::Ledger& ledger = summary.ledger;
  fmt::print("accepted    {}\n", Of(ledger.accepted));
  fmt::print("delivered   {}\n", Of(ledger.delivered));
  fmt::print("filtered    {}\n", Of(ledger.filtered));
  for (size_t i = 0; i < journal::kDropReasons; ++i) {
    if (ledger.dropped[i].items > 0 || ledger.dropped[i].requests > 0) {
      fmt::print("dropped     {} ({})\n", Of(ledger.dropped[i]),
                 ToString(static_cast<journal::DropReason>(i)));
    }
  }
  fmt::print("pending     {}\n", Of(ledger.pending));
  if (summary.oldest) {
    fmt::print("            arrived {} to {}\n", FormatRfc3339(*summary.oldest),
               FormatRfc3339(*summary.newest));
  }
  for (const JournalSummary::Debt& debt : summary.debts) {
    fmt::print("owed        {} requests to {}\n", debt.records, debt.reader);
  }
}

void PrintSummary(const JournalSummary& summary) {
  const Owner owner = OwnerOf(summary.name);
  fmt::print("journal     {}\n", summary.directory);
  fmt::print("owner       {} ({})\n", owner.component, owner.signal);
  fmt::print("state       {}\n", StateOf(summary));
  PrintLedger(summary);
  if (summary.checkpoint_sequence == 0) {
    fmt::print("checkpoint  none: everything that was found counts as pending\n");
  } else {
    fmt::print("checkpoint  number {}, counts what is below position {}\n",
               summary.checkpoint_sequence, summary.counted);
  }
  if (!summary.user_state.empty()) {
    fmt::print("router      {}\n", summary.user_state);
  }
  fmt::print("damage      {} places\n", summary.damaged_places);
  fmt::print("on disk     {} in {} segments\n", Size(summary.disk_bytes), summary.segments.size());
  for (const journal::SegmentSummary& segment : summary.segments) {
    fmt::print("            {}  {}, since {}, {} records needed ({})\n",
               segment.path.substr(segment.path.rfind('/') + 1), Size(segment.bytes),
               FormatRfc3339(segment.created), segment.records, Size(segment.live_bytes));
  }
}

int Inspect(io::FileSystem& fs, const std::string& directory) {
  const auto summary = journal::InspectJournal(fs, directory);
  if (!summary.ok()) {
    return Fail(summary.status());
  }
  PrintSummary(*summary);
  return 0;
}

int Verify(io::FileSystem& fs, const std::string& directory) {
  const auto report = journal::VerifyJournal(fs, directory);
  if (!report.ok()) {
    return Fail(report.status());
  }
  for (const std::string& place : report->damage) {
    fmt::print("{}\n", place);
  }
  fmt::print("{}: {} records read ({}), {} of them damaged, {} other damaged places: {}\n",
             directory, report->records, Size(report->bytes), report->damaged_records,
             report->damaged_places, report->sound() ? "sound" : "DAMAGED");
  return report->sound() ? 0 : 1;
}

// `visit` for each journal of a storage, or for the one whose directory it is; the worst status.
int ForEach(io::FileSystem& fs, const std::string& directory,
            int (*visit)(io::FileSystem& fs, const std::string& directory)) {
  const auto journals = journal::FindJournals(fs, directory);
  if (!journals.ok()) {
    return Fail(journals.status());
  }
  if (journals->empty()) {
    return Fail(NotFound(fmt::format("{} is not a journal, and holds none", directory)));
  }
  int status = 0;
  for (const std::string& path : *journals) {
    status = std::max(status, visit(fs, path));
  }
  return status;
}

Result<journal::ReplayRange> RangeOf(const JournalOptions& options) {
  const WallTime now = std::chrono::system_clock::now();
  journal::ReplayRange range{.owed = !options.pending_only};
  if (!options.from.empty()) {
    ASSIGN_OR_RETURN(range.from, ParseMoment(options.from, now));
  }
  if (!options.to.empty()) {
    ASSIGN_OR_RETURN(range.to, ParseMoment(options.to, now));
  }
  if (range.from && range.to && *range.from >= *range.to) {
    return InvalidArgument(fmt::format("nothing lies between --from {} and --to {}",
                                       FormatRfc3339(*range.from), FormatRfc3339(*range.to)));
  }
  return range;
}

int ReportReplay(const Replay& replay, const journal::ReplayReport& report, const Status& status) {
  const ReplayCounts& counts = replay.counts();
  for (const std::string& complaint : replay.complaints()) {
    fmt::print(stderr, "{}\n", complaint);
  }
  fmt::print(
      "{} requests with {} items were confirmed; {} requests rejected ({} items), {} records "
      "damaged. They stay in the journal.\n",
      counts.requests, counts.items, counts.rejected, counts.rejected_items, report.damaged);
  if (status.ok()) {
    return counts.rejected_items + report.damaged > 0 ? 1 : 0;
  }
  if (const auto oldest = replay.oldest_open()) {
    fmt::print("Go on with --from {}\n", FormatRfc3339(*oldest));
  }
  return Fail(status);
}

int ReplayOne(io::FileSystem& fs, const JournalOptions& options) {
  const auto range = RangeOf(options);
  if (!range.ok()) {
    return Fail(range.status());
  }
  net::Worker worker("replay");
  auto signals = SignalWatch::Open({SIGTERM, SIGINT});
  if (!signals.ok()) {
    return Fail(signals.status());
  }
  auto replay = Replay::Create(worker, options.replay);
  if (!replay.ok()) {
    return Fail(replay.status());
  }
  signals->Start(worker, [&](int) { (*replay)->Stop(); });
  journal::ReplayReport report;
  Status status = journal::ReplayJournal(
      fs, options.directory, *range,
      [&](const journal::RecordInfo& info, otlp::Batch batch) {
        return (*replay)->Send(info, std::move(batch));
      },
      &report);
  if (status.ok()) {
    status = (*replay)->Finish();
  }
  return ReportReplay(**replay, report, status);
}

}  // namespace

int JournalCommand(const JournalOptions& options) {
  io::FileSystem& fs = io::PosixFileSystem();
  const std::string directory = options.directory.empty()
                                    ? extension::file_storage::DefaultDirectory(
                                          fs, extension::file_storage::SystemSurroundings())
                                    : options.directory;
  switch (options.action) {
    case JournalAction::kList:
      return List(fs, directory);
    case JournalAction::kInspect: {
      const auto is_directory = fs.IsDirectory(directory);
      return is_directory.ok() && !*is_directory ? InspectQueueFile(directory)
                                                 : ForEach(fs, directory, Inspect);
    }
    case JournalAction::kVerify:
      return ForEach(fs, directory, Verify);
    case JournalAction::kReplay:
      return ReplayOne(fs, options);
    case JournalAction::kImport:
      return ImportQueueFile(directory, options.into);
  }
  return 1;
}

}  // namespace gapless::cli
