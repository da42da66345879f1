// MemoryFileSystem: a disk for tests and the simulator, with faults and crashes.
//
// Written data, new names, renames and removals are visible at once and durable only after the sync
// that makes them so. Every call on the file system or on one of its files counts and can be made
// to fail once. A failed Sync loses the unsynced data for good, as Linux does: it stays readable,
// and no later sync brings it to the disk. A failed write leaves its first half. Thread-safe.
#pragma once

#include "base/mutex.h"
#include "base/rng.h"
#include "io/file_system.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gapless::io {

enum class CrashKind : uint8_t {
  kProcess,  // kill -9: everything that was written is there
  kPower,    // unsynced data and names are gone
  kTorn,     // of unsynced data any 512-byte sectors are there, of unsynced names any
};

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> List(const std::string& directory) override;
  Result<bool> IsDirectory(const std::string& path) override;
  Status MakeDirectory(const std::string& path, uint32_t mode) override;
  Status SyncDirectory(const std::string& path) override;
  Result<uint64_t> FreeSpace(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, Duration timeout,
                                         std::string_view owner) override;
  Result<std::unique_ptr<FileLock>> LockForeign(const std::string& path) override;

  // Frees locks; objects of before the crash must not be used any more.
  void Crash(CrashKind kind, Rng& rng);

  // The n-th call from now (1: the next) fails once with `error`.
  void FailCall(uint64_t n, Status error);
  // Every call that writes fails until it is set to OK.
  void FailWrites(Status error);
  void FailReads(Status error);
  // The process dies in the n-th call from now: it fails, and no later call has any effect. Ends
  // with Crash.
  void StopAt(uint64_t n);
  uint64_t calls() const;
  // Allocations beyond this many bytes in all files fail with RESOURCE_EXHAUSTED.
  void SetCapacity(uint64_t bytes);
  uint64_t used() const;

  // Direct access to what a file holds now, for damage tests. Precondition: it exists.
  std::string Content(const std::string& path) const;
  void SetContent(const std::string& path, std::string_view content);

  struct Inode;

 private:
  friend class MemoryFile;
  friend class MemoryLock;
  enum class Kind : uint8_t { kRead, kWrite };

  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  Status Count(Kind kind) GAPLESS_REQUIRES(mu_);
  // The process died in an earlier call.
  bool IsDead() const GAPLESS_REQUIRES(mu_) { return stop_at_ != 0 && calls_ > stop_at_; }
  uint64_t Used() const GAPLESS_REQUIRES(mu_);

  mutable Mutex mu_;
  Names names_ GAPLESS_GUARDED_BY(mu_);
  Names durable_names_ GAPLESS_GUARDED_BY(mu_);
  std::set<std::string> directories_ GAPLESS_GUARDED_BY(mu_);
  std::set<std::string> locks_ GAPLESS_GUARDED_BY(mu_);
  uint64_t calls_ GAPLESS_GUARDED_BY(mu_) = 0;
  uint64_t fail_at_ GAPLESS_GUARDED_BY(mu_) = 0;
  uint64_t stop_at_ GAPLESS_GUARDED_BY(mu_) = 0;
  Status fail_status_ GAPLESS_GUARDED_BY(mu_);
  Status fail_writes_ GAPLESS_GUARDED_BY(mu_);
  Status fail_reads_ GAPLESS_GUARDED_BY(mu_);
  uint64_t capacity_ GAPLESS_GUARDED_BY(mu_) = UINT64_MAX;
};

}  // namespace gapless::io
