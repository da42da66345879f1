#include "exporter/file/config.h"

#include "config/permissions.h"
#include "fmt/format.h"
#include "wire/compression.h"

namespace gapless::exporter::file {
namespace {

using config::Checker;
using config::Field;

void CheckKept(const Config& config, Checker& checker) {
  if (config.append && config.rotation) {
    checker.Fail("append", "append and rotation enabled at the same time is not supported");
  }
  if (config.append && !config.compression.empty()) {
    checker.Fail("append", "append and compression enabled at the same time is not supported");
  }
}

void CheckEncoding(const Config& config, Checker& checker) {
  if (config.format != "json" && config.format != "proto") {
    checker.Fail("format", "format type is not supported");
  }
  if (!config.compression.empty() && config.compression != "zstd") {
    checker.Fail("compression", "compression is not supported");
  }
  if (const int32_t level = config.compression_params.level; level != 0) {
    if (const Status status = wire::CheckLevel(wire::Codec::kZstd, level); !status.ok()) {
      checker.Fail("compression_params::level", status.message());
    }
  }
  if (!config.encoding.empty()) {
    checker.Fail("encoding", "encoding extensions are not there yet: use format json or proto");
  }
}

void Check(const Config& config, Checker& checker) {
  if (config.path.empty()) {
    checker.Fail("path", "path must be non-empty");
  }
  CheckKept(config, checker);
  CheckEncoding(config, checker);
  if (config.group_by.enabled) {
    checker.Fail("group_by", "group_by is not there yet: use one file exporter per group");
  }
  if (config.flush_interval < Duration(0)) {
    checker.Fail("flush_interval", "flush_interval must be larger than zero");
  }
  if (const auto mode = config::ParsePermissions(config.directory_permissions); !mode.ok()) {
    checker.Fail("directory_permissions", mode.status().message());
  }
}

const config::Table<Rotation>& RotationTable() {
  static const config::Table<Rotation> table = {
      Field("max_megabytes", &Rotation::max_megabytes,
            "Size in MiB at which the file is renamed and a new one begun.")
          .Min(1),
      Field("max_days", &Rotation::max_days,
            "Renamed files older than so many days of 24 hours are removed; 0: none.")
          .Max(1'000'000),
      Field("max_backups", &Rotation::max_backups,
            "So many renamed files are kept, the newest ones; 0: all."),
      Field("localtime", &Rotation::localtime,
            "Renamed files carry the local time; otherwise UTC."),
  };
  return table;
}

const config::Table<CompressionParams>& CompressionParamsTable() {
  static const config::Table<CompressionParams> table = {
      Field("level", &CompressionParams::level, "1 (fast) to 22 (small); 0: the default."),
  };
  return table;
}

const config::Table<GroupBy>& GroupByTable() {
  static const config::Table<GroupBy> table = {
      Field("enabled", &GroupBy::enabled,
            "A file per value of a resource attribute: not there yet."),
      Field("resource_attribute", &GroupBy::resource_attribute, "The attribute."),
      Field("max_open_files", &GroupBy::max_open_files, "Files open at once."),
  };
  return table;
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table(
      {Field("path", &Config::path, "The file to write."),
       Field("format", &Config::format, "json: one OTLP/JSON request per line; proto: protobuf."),
       Field("append", &Config::append,
             "Keep what the file holds; otherwise it is emptied at start."),
       Field("rotation", &Config::rotation, RotationTable(),
             "Begin new files by size; present: on."),
       Field("compression", &Config::compression, "Empty or zstd; each request by itself."),
       Field("compression_params", &Config::compression_params, CompressionParamsTable(),
             "Settings of the compression."),
       Field("flush_interval", &Config::flush_interval,
             "Read for compatibility: every request is written before it is confirmed."),
       Field("fsync", &Config::fsync, "OK means on the disk; false: in the hands of the kernel."),
       Field("encoding", &Config::encoding, "ID of an encoding extension: not there yet."),
       Field("create_directory", &Config::create_directory,
             "Make the directory of the file and its parents at start."),
       Field("directory_permissions", &Config::directory_permissions,
             "Octal permissions of directories that are made."),
       Field("group_by", &Config::group_by, GroupByTable(), "Not there yet."),
       config::Squash(&Config::delivery, sending::DeliveryTable())},
      Check);
  return table;
}

}  // namespace gapless::exporter::file
