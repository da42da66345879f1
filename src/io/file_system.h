// FileSystem and File: the only door to the disk.
//
// posix_file_system.h is the real one; memory_file_system.h fails on demand and forgets unsynced
// data at a crash. Calls block: they belong on service threads or on the way to a start. Objects
// may be used from several threads; one file is written by one of them at a time.
//
// Errors (the code says what kind, the message names call, path and errno): NOT_FOUND,
// PERMISSION_DENIED (also a read-only file system), ALREADY_EXISTS, RESOURCE_EXHAUSTED (disk full,
// quota), UNAVAILABLE (anything else, I/O errors too).
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::io {

class File {
 public:
  virtual ~File() = default;

  // Writes all pieces, one after the other, from `offset` on. After an error any part of them may
  // be there.
  virtual Status WriteAt(uint64_t offset, std::span<const ByteSpan> pieces) = 0;
  Status WriteAt(uint64_t offset, ByteSpan bytes) { return WriteAt(offset, {&bytes, 1}); }
  // Returns how many bytes there were: fewer than asked only at the end of the file.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) = 0;
  // A hint: this range is read next; reading it ahead may go on while the caller works.
  virtual void WillRead(uint64_t /*offset*/, uint64_t /*size*/) {}
  // fdatasync. After an error nobody knows what of the unsynced data is or ever will be on disk; a
  // later success proves nothing.
  virtual Status Sync() = 0;
  // Reserves the space [0, size) and makes the file at least this long.
  virtual Status Allocate(uint64_t size) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual Result<uint64_t> Size() = 0;
  // A pipe, a terminal, /dev/null: what is written comes one after the other whatever the offset,
  // nothing is kept, and Truncate, Sync and Size have nothing to do. A reader that takes nothing
  // for five seconds is UNAVAILABLE; the rest of what was begun then goes before what is written
  // next.
  virtual bool is_stream() const { return false; }
};

// Held until it is destroyed; the kernel frees it with the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : uint8_t { kRead, kReadWrite, kCreate };

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // kCreate: read and write, made (mode 0600) if it is not there. What is there and no regular file
  // is opened as a stream (File::is_stream).
  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to` in one step. Durable after SyncDirectory.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status RemoveDirectory(const std::string& path) = 0;
  // Sorted by name, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> List(const std::string& directory) = 0;
  // NOT_FOUND if there is nothing of this name.
  virtual Result<bool> IsDirectory(const std::string& path) = 0;
  // With parents; a directory that is there already is no error.
  virtual Status MakeDirectory(const std::string& path, uint32_t mode) = 0;
  // Makes the names in a directory durable.
  virtual Status SyncDirectory(const std::string& path) = 0;
  // Bytes that an unprivileged writer could still use.
  virtual Result<uint64_t> FreeSpace(const std::string& directory) = 0;
  // An exclusive lock on the file, which is made if need be. FAILED_PRECONDITION if somebody else
  // still holds it after `timeout`. `owner` is left in the file for the other side's error message.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path, Duration timeout,
                                                 std::string_view owner) = 0;
  // An exclusive flock(2) on a file that another program made and that stays as it is.
  // FAILED_PRECONDITION if somebody holds it, NOT_FOUND if there is no such file.
  virtual Result<std::unique_ptr<FileLock>> LockForeign(const std::string& path) = 0;
};

std::string JoinPath(std::string_view directory, std::string_view name);
// What comes before the last '/': "." if there is none.
std::string ParentPath(std::string_view path);

// The whole file; RESOURCE_EXHAUSTED if it is longer than `limit` bytes.
Result<std::string> ReadWholeFile(FileSystem& fs, const std::string& path, size_t limit);
// Replaces the file so that a crash leaves the old or the new content: a temporary file, sync,
// rename, sync of the directory.
Status WriteFileAtomically(FileSystem& fs, const std::string& path, ByteSpan content);

}  // namespace gapless::io
