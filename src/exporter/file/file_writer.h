// FileWriter: appends messages to one file, whole or not at all, and rotates it. Blocks on the
// disk: used on one executor at a time (the exporter's service thread).
#pragma once

#include "base/bytes.h"
#include "base/loop.h"
#include "exporter/file/config.h"
#include "io/file_system.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace gapless::exporter::file {

class FileWriter {
 public:
  struct Options {
    std::string path;
    bool keep_content = false;  // append, or rotation: what the file holds stays
    std::optional<Rotation> rotation;
    std::optional<uint32_t> make_directory;  // its permissions
  };

  // `fs` outlives the writer.
  FileWriter(io::FileSystem& fs, Options options);

  // Makes and opens the file. Returns how many bytes of an earlier life were thrown away.
  Result<uint64_t> Open();
  // Writes the pieces as one message. After an error nothing of it stays in the file; if
  // cutting it off failed too, that is made up for before the next message. `now`: for the name of
  // a rotated file.
  Status Write(std::span<const ByteSpan> message, WallTime now);
  // Whether the directory takes a new file with content.
  Status Probe();

  uint64_t size() const { return size_; }

 private:
  Status Reopen();
  Status Rotate(WallTime now);
  Result<std::vector<std::string>> Names();

  io::FileSystem& fs_;
  const Options options_;
  const std::string directory_;
  const std::string name_;
  std::unique_ptr<io::File> file_;  // null before Open and after a failure
  uint64_t size_ = 0;               // bytes of whole messages
};

}  // namespace gapless::exporter::file
