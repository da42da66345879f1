// FileWriter: appends messages to one file, whole or not at all, and rotates it. What was written
// is answered once a Commit has synced it, many messages with one call. Blocks on the disk: used on
// one executor at a time (the exporter's service thread).
#pragma once

#include "base/bytes.h"
#include "base/loop.h"
#include "exporter/file/config.h"
#include "io/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gapless::exporter::file {

class FileWriter {
 public:
  struct Options {
    std::string path;
    bool keep_content = false;  // append, or rotation: what the file holds stays
    std::optional<Rotation> rotation;
    std::optional<uint32_t> make_directory;  // its permissions
    bool sync = true;                        // false: a message is answered once the kernel has it
  };
  using Done = std::move_only_function<void(Status)>;

  // `fs` outlives the writer.
  FileWriter(io::FileSystem& fs, Options options);

  // Makes and opens the file. Returns how many bytes of an earlier life were thrown away.
  Result<uint64_t> Open();
  // Writes the pieces as one message; `done` is called in this call or in a later Commit. After an
  // error nothing of it stays in the file; if cutting it off failed too, that is made up for before
  // the next message. `now`: for the name of a rotated file.
  void Write(std::span<const ByteSpan> message, WallTime now, Done done);
  // Brings to the disk what was written, and answers it. After an error all of it is cut off again.
  void Commit();
  // Messages that wait for a Commit.
  size_t waiting() const { return waiting_.size(); }
  // Whether the directory takes a new file with content.
  Status Probe();

  uint64_t size() const { return size_; }

 private:
  Status Reopen();
  Status Append(std::span<const ByteSpan> message, WallTime now);
  Status CommitAll();
  Status Sync();
  Status Rotate(WallTime now);
  Result<std::vector<std::string>> Names();

  io::FileSystem& fs_;
  const Options options_;
  const std::string directory_;
  const std::string name_;
  std::unique_ptr<io::File> file_;  // null before Open and after a failure
  uint64_t size_ = 0;               // bytes of whole messages
  uint64_t committed_ = 0;          // of these, what needs no Commit any more
  bool new_name_ = true;            // the directory is to be synced as well
  std::vector<Done> waiting_;
};

}  // namespace gapless::exporter::file
