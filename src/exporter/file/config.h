// Settings of the file exporter; keys and defaults are upstream's.
#pragma once

#include "config/fields.h"
#include "sending/settings_tables.h"

#include <cstdint>
#include <string>

namespace gapless::exporter::file {

struct Rotation {
  uint64_t max_megabytes = 100;  // of 2^20 bytes
  uint64_t max_days = 0;         // 0: old files are not removed because of their age
  uint64_t max_backups = 100;    // 0: all are kept
  bool localtime = false;

  bool operator==(const Rotation&) const = default;
};

struct CompressionParams {
  int32_t level = 0;  // 0: the default of the library

  bool operator==(const CompressionParams&) const = default;
};

struct GroupBy {
  bool enabled = false;
  std::string resource_attribute = "fileexporter.path_segment";
  uint64_t max_open_files = 100;

  bool operator==(const GroupBy&) const = default;
};

struct Config {
  std::string path;
  std::string format = "json";
  bool append = false;
  config::Section<Rotation> rotation;
  std::string compression;
  CompressionParams compression_params;
  Duration flush_interval = std::chrono::seconds(1);
  bool fsync = true;  // ours
  std::string encoding;
  bool create_directory = false;
  std::string directory_permissions = "0755";
  GroupBy group_by;
  // Ours to add: upstream's has none of these keys. No queue and no retry unless asked for.
  sending::DeliveryConfig delivery = {.retry_on_failure = {.enabled = false}, .sending_queue = {}};
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::exporter::file
