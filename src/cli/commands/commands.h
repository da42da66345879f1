// The sub-commands, one file each. Each gives the exit status of the process.
#pragma once

#include "cli/commands/options.h"
#include "cli/config/feature_gates.h"
#include "cli/traffic/load.h"
#include "cli/traffic/replay.h"
#include "cli/traffic/sink.h"

#include <cstdint>
#include <string>

namespace gapless::cli {

// `gapless journal …` on the journals of a stopped process.
enum class JournalAction : uint8_t { kList, kInspect, kVerify, kReplay, kImport };
struct JournalOptions {
  JournalAction action = JournalAction::kList;
  // Of a journal or of a storage; empty: the storage's default. kInspect: or a Collector's queue
  // file; kImport: that alone.
  std::string directory;
  std::string into;  // kImport: the directory of the journal
  ReplayOptions replay;
  std::string from;  // ParseMoment
  std::string to;
  bool pending_only = false;
};

int RunCommand(RunOptions options);
// `probe`: also ask every exporter's destination.
int ValidateCommand(const RunOptions& options, bool probe);
int ComponentsCommand();
int SinkCommand(const SinkOptions& options);
int SendCommand(const LoadOptions& options);
int JournalCommand(const JournalOptions& options);
int InspectQueueFile(const std::string& file);
int ImportQueueFile(const std::string& file, const std::string& journal);

struct PrintOptions {
  bool redacted = true;
  bool json = false;
  bool validate = true;
};
int PrintConfigCommand(const RunOptions& options, const PrintOptions& print);
// `id`: one gate; empty: the table of all.
int FeatureGateCommand(const FeatureGates& gates, const std::string& id);
// `files`: as values of --config.
int MigrateCommand(const std::vector<std::string>& files);

// "Error: …" on stderr, as otelcol prints it; gives 1.
int Fail(const Status& status);

}  // namespace gapless::cli
