#include "io/memory_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace gapless::io {

// Unsynced writes are kept as (offset, bytes) so that a crash can apply any part of them.
struct MemoryFileSystem::Inode {
  std::string content;
  std::string durable;
  std::vector<std::pair<uint64_t, std::string>> unsynced;

  static void Apply(std::string& to, uint64_t offset, std::string_view bytes) {
    if (to.size() < offset + bytes.size()) {
      to.resize(offset + bytes.size(), '\0');
    }
    std::memcpy(to.data() + offset, bytes.data(), bytes.size());
  }
  void Write(uint64_t offset, std::string_view bytes) {
    if (!bytes.empty()) {
      Apply(content, offset, bytes);
      unsynced.emplace_back(offset, bytes);
    }
  }
};

class MemoryFile final : public File {
 public:
  using Kind = MemoryFileSystem::Kind;

  MemoryFile(MemoryFileSystem& fs, std::shared_ptr<MemoryFileSystem::Inode> inode)
      : fs_(fs), inode_(std::move(inode)) {}

  Status WriteAt(uint64_t offset, std::span<const ByteSpan> pieces) override {
    const MutexLock lock(fs_.mu_);
    std::string all;
    for (const ByteSpan piece : pieces) {
      all += AsText(piece);
    }
    const Status status = fs_.Count(Kind::kWrite);
    if (!status.ok()) {
      if (!fs_.IsDead()) {
        inode_->Write(offset, std::string_view(all).substr(0, all.size() / 2));
      }
      return status;
    }
    const uint64_t growth =
        offset + all.size() - std::min<uint64_t>(inode_->content.size(), offset + all.size());
    if (growth > 0 && fs_.Used() + growth > fs_.capacity_) {
      return ResourceExhausted("write: No space left on device");
    }
    inode_->Write(offset, all);
    return OkStatus();
  }

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    const MutexLock lock(fs_.mu_);
    RETURN_IF_ERROR(fs_.Count(Kind::kRead));
    if (offset >= inode_->content.size()) {
      return size_t{0};
    }
    const size_t n = std::min<size_t>(out.size(), inode_->content.size() - offset);
    std::memcpy(out.data(), inode_->content.data() + offset, n);
    return n;
  }

  Status Sync() override {
    const MutexLock lock(fs_.mu_);
    const Status status = fs_.Count(Kind::kWrite);
    if (fs_.stop_at_ != 0 && !status.ok()) {
      return status;  // a crash decides what is there
    }
    if (status.ok()) {
      for (const auto& [offset, bytes] : inode_->unsynced) {
        MemoryFileSystem::Inode::Apply(inode_->durable, offset, bytes);
      }
      inode_->durable.resize(inode_->content.size(), '\0');
    }
    inode_->unsynced.clear();
    return status;
  }

  Status Allocate(uint64_t size) override {
    const MutexLock lock(fs_.mu_);
    RETURN_IF_ERROR(fs_.Count(Kind::kWrite));
    if (size <= inode_->content.size()) {
      return OkStatus();
    }
    if (fs_.Used() + size - inode_->content.size() > fs_.capacity_) {
      return ResourceExhausted("fallocate: No space left on device");
    }
    inode_->content.resize(size, '\0');
    return OkStatus();
  }

  Status Truncate(uint64_t size) override {
    const MutexLock lock(fs_.mu_);
    RETURN_IF_ERROR(fs_.Count(Kind::kWrite));
    inode_->content.resize(size, '\0');
    return OkStatus();
  }

  Result<uint64_t> Size() override {
    const MutexLock lock(fs_.mu_);
    RETURN_IF_ERROR(fs_.Count(Kind::kRead));
    return uint64_t{inode_->content.size()};
  }

 private:
  MemoryFileSystem& fs_;
  std::shared_ptr<MemoryFileSystem::Inode> inode_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryFileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  ~MemoryLock() override {
    const MutexLock lock(fs_.mu_);
    fs_.locks_.erase(path_);
  }

 private:
  MemoryFileSystem& fs_;
  std::string path_;
};

MemoryFileSystem::MemoryFileSystem() { directories_ = {".", "/"}; }
MemoryFileSystem::~MemoryFileSystem() = default;

Status MemoryFileSystem::Count(Kind kind) {
  ++calls_;
  if (calls_ == fail_at_) {
    return fail_status_;
  }
  if (stop_at_ != 0 && calls_ >= stop_at_) {
    return Unavailable("the process is dead");
  }
  return kind == Kind::kWrite ? fail_writes_ : fail_reads_;
}

uint64_t MemoryFileSystem::Used() const {
  uint64_t used = 0;
  for (const auto& [name, inode] : names_) {
    used += inode->content.size();
  }
  return used;
}

Result<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path, OpenMode mode) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(mode == OpenMode::kRead ? Kind::kRead : Kind::kWrite));
  auto it = names_.find(path);
  if (it == names_.end()) {
    if (mode != OpenMode::kCreate || !directories_.contains(ParentPath(path))) {
      return NotFound(fmt::format("open {}: No such file or directory", path));
    }
    it = names_.emplace(path, std::make_shared<Inode>()).first;
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, it->second));
}

Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  const auto it = names_.find(from);
  if (it == names_.end()) {
    return NotFound(fmt::format("rename {}: No such file or directory", from));
  }
  const std::shared_ptr<Inode> inode = it->second;
  names_.erase(it);
  names_[to] = inode;
  return OkStatus();
}

Status MemoryFileSystem::Remove(const std::string& path) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  return names_.erase(path) == 1
             ? OkStatus()
             : NotFound(fmt::format("unlink {}: No such file or directory", path));
}

Status MemoryFileSystem::RemoveDirectory(const std::string& path) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  for (const auto& [name, inode] : names_) {
    if (ParentPath(name) == path) {
      return Status(Code::kAlreadyExists, fmt::format("rmdir {}: Directory not empty", path));
    }
  }
  return directories_.erase(path) == 1
             ? OkStatus()
             : NotFound(fmt::format("rmdir {}: No such file or directory", path));
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::List(const std::string& directory) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kRead));
  if (!directories_.contains(directory)) {
    return NotFound(fmt::format("opendir {}: No such file or directory", directory));
  }
  std::vector<DirectoryEntry> entries;
  const auto add = [&](const std::string& path, bool is_directory) {
    if (ParentPath(path) == directory && path != directory) {
      entries.push_back({.name = path.substr(path.rfind('/') + 1), .is_directory = is_directory});
    }
  };
  for (const auto& [name, inode] : names_) {
    add(name, false);
  }
  for (const std::string& name : directories_) {
    add(name, true);
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<bool> MemoryFileSystem::IsDirectory(const std::string& path) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kRead));
  if (directories_.contains(path)) {
    return true;
  }
  if (names_.contains(path)) {
    return false;
  }
  return NotFound(fmt::format("stat {}: No such file or directory", path));
}

Status MemoryFileSystem::MakeDirectory(const std::string& path, uint32_t) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  if (names_.contains(path)) {
    return Status(Code::kAlreadyExists, fmt::format("mkdir {}: File exists", path));
  }
  for (std::string each = path; directories_.insert(each).second;) {
    each = ParentPath(each);
  }
  return OkStatus();
}

Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  std::erase_if(durable_names_, [&](const auto& entry) { return ParentPath(entry.first) == path; });
  for (const auto& [name, inode] : names_) {
    if (ParentPath(name) == path) {
      durable_names_[name] = inode;
    }
  }
  return OkStatus();
}

Result<uint64_t> MemoryFileSystem::FreeSpace(const std::string&) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kRead));
  const uint64_t used = Used();
  return capacity_ > used ? capacity_ - used : 0;
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(const std::string& path, Duration,
                                                         std::string_view owner) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kWrite));
  if (!directories_.contains(ParentPath(path))) {
    return NotFound(fmt::format("open {}: No such file or directory", path));
  }
  if (!locks_.insert(path).second) {
    return FailedPrecondition(fmt::format("{} is locked by another process", path));
  }
  std::shared_ptr<Inode>& inode = names_[path];
  if (!inode) {
    inode = std::make_shared<Inode>();
  }
  inode->content = owner;
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(*this, path));
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::LockForeign(const std::string& path) {
  const MutexLock lock(mu_);
  RETURN_IF_ERROR(Count(Kind::kRead));
  if (!names_.contains(path)) {
    return NotFound(fmt::format("open {}: No such file or directory", path));
  }
  if (!locks_.insert(path).second) {
    return FailedPrecondition(fmt::format("{} is in use by another process", path));
  }
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(*this, path));
}

namespace {

constexpr size_t kSector = 512;

}  // namespace

void MemoryFileSystem::Crash(CrashKind kind, Rng& rng) {
  const MutexLock lock(mu_);
  locks_.clear();
  stop_at_ = 0;
  if (kind == CrashKind::kProcess) {
    return;
  }
  Names left = durable_names_;
  if (kind == CrashKind::kTorn) {
    for (const auto& [name, inode] : names_) {
      if (!left.contains(name) && rng.Chance(0.5)) {
        left[name] = inode;
      }
    }
  }
  names_ = left;
  durable_names_ = left;
  for (const auto& [name, inode] : names_) {
    std::string survived = inode->durable;
    if (kind == CrashKind::kTorn) {
      for (const auto& [offset, bytes] : inode->unsynced) {
        for (uint64_t at = offset; at < offset + bytes.size();) {
          const uint64_t end = std::min((at / kSector + 1) * kSector, offset + bytes.size());
          if (rng.Chance(0.5)) {
            Inode::Apply(survived, at, std::string_view(bytes).substr(at - offset, end - at));
          }
          at = end;
        }
      }
    }
    inode->content = survived;
    inode->durable = std::move(survived);
    inode->unsynced.clear();
  }
}

void MemoryFileSystem::FailCall(uint64_t n, Status error) {
  const MutexLock lock(mu_);
  fail_at_ = calls_ + n;
  fail_status_ = std::move(error);
}

void MemoryFileSystem::StopAt(uint64_t n) {
  const MutexLock lock(mu_);
  stop_at_ = calls_ + n;
}

void MemoryFileSystem::FailWrites(Status error) {
  const MutexLock lock(mu_);
  fail_writes_ = std::move(error);
}

void MemoryFileSystem::FailReads(Status error) {
  const MutexLock lock(mu_);
  fail_reads_ = std::move(error);
}

uint64_t MemoryFileSystem::calls() const {
  const MutexLock lock(mu_);
  return calls_;
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  const MutexLock lock(mu_);
  capacity_ = bytes;
}

uint64_t MemoryFileSystem::used() const {
  const MutexLock lock(mu_);
  return Used();
}

std::string MemoryFileSystem::Content(const std::string& path) const {
  const MutexLock lock(mu_);
  return names_.at(path)->content;
}

void MemoryFileSystem::SetContent(const std::string& path, std::string_view content) {
  const MutexLock lock(mu_);
  std::shared_ptr<Inode>& inode = names_[path];
  if (!inode) {
    inode = std::make_shared<Inode>();
  }
  inode->content = content;
  inode->durable = content;
  inode->unsynced.clear();
}

}  // namespace gapless::io
