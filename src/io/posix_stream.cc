#include "io/posix_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gapless::io {
namespace {

constexpr int kPatienceMs = 5000;
// A socket is somebody else's as well, so it stays one that waits: what is written at once fits
// into its buffer once poll says that it can be written to.
constexpr size_t kPiece = 4096;

Status Failed(int error, std::string_view call, const std::string& path) {
  std::string message =
      fmt::format("{} {}: {}", call, path, std::generic_category().message(error));
  return error == EACCES || error == EPERM ? Status(Code::kPermissionDenied, std::move(message))
                                           : Unavailable(std::move(message));
}

class PosixStream final : public File {
 public:
  PosixStream(int fd, std::string path, bool socket)
      : fd_(fd), path_(std::move(path)), socket_(socket) {}
  ~PosixStream() override { ::close(fd_); }
  PosixStream(const PosixStream&) = delete;
  PosixStream& operator=(const PosixStream&) = delete;

  Status WriteAt(uint64_t /*offset*/, std::span<const ByteSpan> pieces) override {
    RETURN_IF_ERROR(Flush());
    for (const ByteSpan piece : pieces) {
      rest_.append(AsText(piece));
    }
    const size_t before = rest_.size();
    const Status status = Flush();
    if (!status.ok() && rest_.size() == before) {
      rest_.clear();  // nothing of it was begun: it may go elsewhere as a whole
    }
    return status;
  }
  Result<size_t> ReadAt(uint64_t /*offset*/, std::span<std::byte> /*out*/) override {
    return Unavailable(fmt::format("read {}: it is a stream", path_));
  }
  Status Sync() override { return OkStatus(); }
  Status Allocate(uint64_t /*size*/) override { return OkStatus(); }
  Status Truncate(uint64_t /*size*/) override { return OkStatus(); }
  Result<uint64_t> Size() override { return uint64_t{0}; }
  bool is_stream() const override { return true; }

 private:
  // Writes what is left.
  Status Flush() {
    size_t done = 0;
    Status status;
    while (done < rest_.size() && status.ok()) {
      if (socket_) {
        status = WaitForReader();
        if (!status.ok()) {
          break;
        }
      }
      const size_t most = socket_ ? kPiece : SIZE_MAX;
      const ssize_t n = ::write(fd_, rest_.data() + done, std::min(rest_.size() - done, most));
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno == EAGAIN) {
        status = WaitForReader();
      } else if (errno != EINTR) {
        const Status failed = Failed(errno, "write", path_);
        rest_.clear();  // whoever reads next gets whole messages
        return failed;
      }
    }
    rest_.erase(0, done);
    return status;
  }

  Status WaitForReader() {
    pollfd wait{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&wait, 1, kPatienceMs);
    if (ready < 0 && errno != EINTR) {
      return Failed(errno, "poll", path_);
    }
    return ready == 0 ? Unavailable(fmt::format("write {}: nobody reads", path_)) : OkStatus();
  }

  const int fd_;
  const std::string path_;
  const bool socket_;
  std::string rest_;
};

// A copy of the descriptor of ours that the path leads to (/dev/stdout, /dev/fd/3); -1: none.
int OwnDescriptor(const struct stat& path) {
  constexpr int kMost = 256;
  for (int fd = 0; fd < kMost; ++fd) {
    struct stat info{};
    if (::fstat(fd, &info) == 0 && info.st_dev == path.st_dev && info.st_ino == path.st_ino) {
      return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
  }
  return -1;
}

}  // namespace

Result<std::unique_ptr<File>> OpenStream(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    return std::unique_ptr<File>();
  }
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = ::open(path.c_str(), O_WRONLY | kFlags);
  const int error = errno;
  const bool socket = S_ISSOCK(info.st_mode);
  if (fd < 0 && error == ENXIO && S_ISFIFO(info.st_mode)) {
    fd = ::open(path.c_str(), O_RDWR | kFlags);  // its reader may come later
  } else if (fd < 0 && error == ENXIO && socket) {
    fd = OwnDescriptor(info);  // no socket can be opened by its name
  }
  if (fd < 0) {
    return Failed(error, "open", path);
  }
  return std::unique_ptr<File>(std::make_unique<PosixStream>(fd, path, socket));
}

}  // namespace gapless::io
