#include "io/posix_file_system.h"

#include "io/posix_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace gapless::io {

namespace {

Status ErrnoStatus(int error, std::string_view call, const std::string& path) {
  std::string message =
      fmt::format("{} {}: {}", call, path, std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NotFound(std::move(message));
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(Code::kPermissionDenied, std::move(message));
    case EEXIST:
    case ENOTEMPTY:
      return Status(Code::kAlreadyExists, std::move(message));
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ResourceExhausted(std::move(message));
    default:
      return Unavailable(std::move(message));
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::span<const ByteSpan> pieces) override {
    std::array<iovec, IOV_MAX> vectors;
    size_t next = 0;     // piece
    size_t written = 0;  // of that piece
    while (true) {
      size_t count = 0;
      size_t skip = written;
      for (size_t i = next; i < pieces.size() && count < vectors.size(); ++i) {
        if (pieces[i].size() > skip) {
          vectors[count++] = {.iov_base = const_cast<std::byte*>(pieces[i].data()) + skip,
                              .iov_len = pieces[i].size() - skip};
        }
        skip = 0;
      }
      if (count == 0) {
        return OkStatus();
      }
      const ssize_t n =
          ::pwritev(fd_.get(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) {
          continue;
        }
        return ErrnoStatus(errno, "pwritev", path_);
      }
      offset += static_cast<uint64_t>(n);
      written += static_cast<size_t>(n);
      while (next < pieces.size() && written >= pieces[next].size()) {
        written -= pieces[next++].size();
      }
    }
  }

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR) {
          continue;
        }
        return ErrnoStatus(errno, "pread", path_);
      }
      if (n == 0) {
        break;
      }
      done += static_cast<size_t>(n);
    }
    return done;
  }

  Status Sync() override {
    return ::fdatasync(fd_.get()) == 0 ? OkStatus() : ErrnoStatus(errno, "fdatasync", path_);
  }

  Status Allocate(uint64_t size) override {
    while (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) {
        return GrowTo(size);
      }
      if (errno != EINTR) {
        return ErrnoStatus(errno, "fallocate", path_);
      }
    }
    return OkStatus();
  }

  void WillRead(uint64_t offset, uint64_t size) override {
    // Nothing is lost where the kernel does not follow it.
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(size),
                    POSIX_FADV_WILLNEED);
  }

  Status Truncate(uint64_t size) override {
    return ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0
               ? OkStatus()
               : ErrnoStatus(errno, "ftruncate", path_);
  }

  Result<uint64_t> Size() override {
    struct stat info = {};
    if (::fstat(fd_.get(), &info) != 0) {
      return ErrnoStatus(errno, "fstat", path_);
    }
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  // A file system without fallocate: the length at least.
  Status GrowTo(uint64_t size) {
    ASSIGN_OR_RETURN(const uint64_t now, Size());
    return now >= size ? OkStatus() : Truncate(size);
  }

  Descriptor fd_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  int fd() const { return fd_.get(); }

 private:
  Descriptor fd_;
};

// An OFD lock belongs to the open file, not to the process: a second journal in one process is
// refused too, and closing another descriptor of the file does not free it.
bool TryOfdLock(int fd) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

class Posix final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    if (mode == OpenMode::kCreate) {
      ASSIGN_OR_RETURN(std::unique_ptr<File> stream, OpenStream(path));
      if (stream) {
        return stream;
      }
    }
    int flags = O_CLOEXEC | (mode == OpenMode::kRead ? O_RDONLY : O_RDWR);
    flags |= mode == OpenMode::kCreate ? O_CREAT : 0;
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) {
      return ErrnoStatus(errno, "open", path);
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
  }

  Status Rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0 ? OkStatus()
                                                   : ErrnoStatus(errno, "rename", from);
  }

  Status Remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 ? OkStatus() : ErrnoStatus(errno, "unlink", path);
  }

  Status RemoveDirectory(const std::string& path) override {
    return ::rmdir(path.c_str()) == 0 ? OkStatus() : ErrnoStatus(errno, "rmdir", path);
  }

  Result<std::vector<DirectoryEntry>> List(const std::string& directory) override {
    DIR* handle = ::opendir(directory.c_str());
    if (!handle) {
      return ErrnoStatus(errno, "opendir", directory);
    }
    std::vector<DirectoryEntry> entries;
    while (const dirent* entry = ::readdir(handle)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") {
        continue;
      }
      struct stat info = {};
      const bool known = ::stat(JoinPath(directory, name).c_str(), &info) == 0;
      entries.push_back(
          {.name = std::string(name), .is_directory = known && S_ISDIR(info.st_mode)});
    }
    ::closedir(handle);
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  Result<bool> IsDirectory(const std::string& path) override {
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) {
      return ErrnoStatus(errno, "stat", path);
    }
    return S_ISDIR(info.st_mode);
  }

  Status MakeDirectory(const std::string& path, uint32_t mode) override {
    if (::mkdir(path.c_str(), mode) == 0) {
      return OkStatus();
    }
    const int error = errno;
    if (error == ENOENT && ParentPath(path) != path) {
      RETURN_IF_ERROR(MakeDirectory(ParentPath(path), mode));
      return ::mkdir(path.c_str(), mode) == 0 ? OkStatus() : ErrnoStatus(errno, "mkdir", path);
    }
    struct stat info = {};
    if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return OkStatus();
    }
    return ErrnoStatus(error, "mkdir", path);
  }

  Status SyncDirectory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) {
      return ErrnoStatus(errno, "open", path);
    }
    return ::fsync(fd.get()) == 0 ? OkStatus() : ErrnoStatus(errno, "fsync", path);
  }

  Result<uint64_t> FreeSpace(const std::string& directory) override {
    struct statvfs info = {};
    if (::statvfs(directory.c_str(), &info) != 0) {
      return ErrnoStatus(errno, "statvfs", directory);
    }
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, Duration timeout,
                                         std::string_view owner) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      return ErrnoStatus(errno, "open", path);
    }
    auto lock = std::make_unique<PosixLock>(fd);
    // The kernel has no lock with a time limit; the other side is usually a process that is
    // leaving.
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!TryOfdLock(fd)) {
      if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
        return ErrnoStatus(errno, "lock", path);
      }
      if (std::chrono::steady_clock::now() >= deadline) {
        return FailedPrecondition(Holder(fd, path));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    // Only for messages: a full disk is no reason to refuse the lock.
    const bool told = ::ftruncate(fd, 0) == 0 && ::pwrite(fd, owner.data(), owner.size(), 0) > 0;
    static_cast<void>(told);
    return std::unique_ptr<FileLock>(std::move(lock));
  }

  Result<std::unique_ptr<FileLock>> LockForeign(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return ErrnoStatus(errno, "open", path);
    }
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return errno == EWOULDBLOCK
                 ? FailedPrecondition(fmt::format("{} is in use by another process", path))
                 : ErrnoStatus(errno, "flock", path);
    }
    return std::unique_ptr<FileLock>(std::move(lock));
  }

 private:
  static std::string Holder(int fd, const std::string& path) {
    std::array<char, 200> text;
    const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
    const std::string_view owner(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
    if (owner.starts_with(fmt::format("pid {}\n", ::getpid()))) {
      return fmt::format("{} is in use by this process already: two names for one directory?",
                         path);
    }
    return fmt::format(
        "{} is locked by another process{}{}: stop that one first, or use another directory", path,
        owner.empty() ? "" : ", ", owner.substr(0, owner.find('\n')));
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix file_system;
  return file_system;
}

}  // namespace gapless::io
