// Settings of file_storage: upstream's keys and ours.
#pragma once

#include "config/fields.h"
#include "io/file_system.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::extension::file_storage {

enum class Compression : uint8_t { kNone, kZstd };

// Journals return their space by themselves: read, checked, and of no effect.
struct Compaction {
  bool on_start = false;
  bool on_rebound = false;
  std::string directory;
  int64_t rebound_needed_threshold_mib = 100;
  int64_t rebound_trigger_threshold_mib = 10;
  int64_t max_transaction_size = 65536;
  Duration check_interval = std::chrono::seconds(5);
  bool cleanup_on_start = false;

  bool operator==(const Compaction&) const = default;
};

struct Config {
  // Empty: DefaultDirectory.
  std::string directory;
  Duration timeout = std::chrono::seconds(1);
  bool fsync = true;
  bool create_directory = false;
  std::string directory_permissions = "0750";
  bool recreate = false;
  Compaction compaction;
  // Ours.
  config::ByteSize max_size;  // per journal; 0: none
  Compression compression = Compression::kNone;
};

const config::Table<Config>& ConfigTable();

// Where the environment puts the state of programs.
struct Surroundings {
  bool is_root = false;
  std::string state_home;  // XDG_STATE_HOME
  std::string home;        // HOME
};
Surroundings SystemSurroundings();

// Used where the key `directory` is not written: upstream's /var/lib/otelcol/file_storage if it is
// there, else a directory of our own (/var/lib/gapless/file_storage for root,
// ~/.local/state/gapless/file_storage for others), which is made.
std::string DefaultDirectory(io::FileSystem& fs, const Surroundings& surroundings);

}  // namespace gapless::extension::file_storage
