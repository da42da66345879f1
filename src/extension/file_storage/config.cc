#include "extension/file_storage/config.h"

#include "config/permissions.h"
#include "io/posix_file_system.h"

#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace gapless::extension::file_storage {

namespace {

using config::Checker;
using config::Field;

constexpr std::string_view kUpstreamDirectory = "/var/lib/otelcol/file_storage";

// Upstream's words. Where it may be created, only what stands in the way is a mistake: whether it
// can be written shows at the start, which may be under another user.
void CheckDirectory(const Config& config, Checker& checker) {
  io::FileSystem& fs = io::PosixFileSystem();
  std::string path = config.directory;
  Result<bool> directory = fs.IsDirectory(path);
  while (config.create_directory && directory.status().code() == Code::kNotFound &&
         io::ParentPath(path) != path) {
    path = io::ParentPath(path);
    directory = fs.IsDirectory(path);
  }
  if (directory.ok() && !*directory) {
    checker.Fail("directory", fmt::format("{} is not a directory", path));
  } else if (directory.status().code() == Code::kNotFound && !config.create_directory) {
    checker.Fail("directory",
                 fmt::format("directory must exist: stat {}: no such file or directory. You can "
                             "enable the create_directory option to automatically create it",
                             path));
  } else if (!directory.ok() && directory.status().code() != Code::kNotFound) {
    checker.Fail("directory", fmt::format("problem accessing configured directory: {}, err: {}",
                                          path, directory.status().message()));
  }
}

void CheckCompaction(const Config& config, Checker& checker) {
  const Compaction& compaction = config.compaction;
  if (compaction.max_transaction_size < 0) {
    checker.Fail("compaction::max_transaction_size",
                 "max transaction size for compaction cannot be less than 0");
  }
  if (compaction.on_rebound && compaction.check_interval <= Duration(0)) {
    checker.Fail("compaction::check_interval",
                 "compaction check interval must be positive when rebound compaction is set");
  }
  if (compaction.on_start || compaction.on_rebound) {
    checker.Warn("compaction",
                 "compaction is not needed: the journals give their space back by themselves");
  }
}

void Check(const Config& config, Checker& checker) {
  if (const auto mode = config::ParsePermissions(config.directory_permissions); !mode.ok()) {
    checker.Fail("directory_permissions", mode.status().message());
  }
  if (!config.directory.empty()) {
    CheckDirectory(config, checker);
  }
  if (config.recreate) {
    checker.Warn("recreate",
                 "recreate is not needed: a damaged journal keeps every record that is intact");
  }
  CheckCompaction(config, checker);
}

const config::Table<Compaction>& CompactionTable() {
  static const config::Table<Compaction> table = {
      Field("on_start", &Compaction::on_start, "Not needed: space returns by itself."),
      Field("on_rebound", &Compaction::on_rebound, "Not needed: space returns by itself."),
      Field("directory", &Compaction::directory, "Not needed: space returns by itself."),
      Field("rebound_needed_threshold_mib", &Compaction::rebound_needed_threshold_mib,
            "Not needed: space returns by itself."),
      Field("rebound_trigger_threshold_mib", &Compaction::rebound_trigger_threshold_mib,
            "Not needed: space returns by itself."),
      Field("max_transaction_size", &Compaction::max_transaction_size,
            "Not needed: space returns by itself."),
      Field("check_interval", &Compaction::check_interval, "Not needed: space returns by itself."),
      Field("cleanup_on_start", &Compaction::cleanup_on_start,
            "Not needed: space returns by itself."),
  };
  return table;
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table(
      {Field("directory", &Config::directory,
             "Where the journals are kept, a directory for each. Without it: "
             "/var/lib/otelcol/file_storage if that is there, else the user's state directory."),
       Field("timeout", &Config::timeout,
             "How long to wait for another process that still holds a journal.")
           .Min(0),
       Field("fsync", &Config::fsync,
             "true: what is confirmed survives a power loss; false: it survives the death of the "
             "process."),
       Field("create_directory", &Config::create_directory, "Make the directory and its parents."),
       Field("directory_permissions", &Config::directory_permissions,
             "Of directories that are made, octal."),
       Field("recreate", &Config::recreate, "Not needed: damage never stops the start."),
       Field("compaction", &Config::compaction, CompactionTable(),
             "Not needed: space returns by itself."),
       Field("max_size", &Config::max_size, "Size of one journal's files at most; 0: no limit."),
       Field("compression", &Config::compression,
             config::Enum<Compression>({{"none", Compression::kNone}, {"zstd", Compression::kZstd}},
                                       {.refusal = "unsupported compression"}),
             "zstd: compress what arrived uncompressed; none: store as it arrived.")},
      Check);
  return table;
}

Surroundings SystemSurroundings() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  return {.is_root = ::geteuid() == 0,
          .state_home = variable("XDG_STATE_HOME"),
          .home = variable("HOME")};
}

std::string DefaultDirectory(io::FileSystem& fs, const Surroundings& surroundings) {
  const Result<bool> upstream = fs.IsDirectory(std::string(kUpstreamDirectory));
  if (upstream.ok() && *upstream) {
    return std::string(kUpstreamDirectory);
  }
  if (!surroundings.state_home.empty()) {
    return io::JoinPath(surroundings.state_home, "gapless/file_storage");
  }
  if (!surroundings.is_root && !surroundings.home.empty()) {
    return io::JoinPath(surroundings.home, ".local/state/gapless/file_storage");
  }
  return "/var/lib/gapless/file_storage";
}

}  // namespace gapless::extension::file_storage
