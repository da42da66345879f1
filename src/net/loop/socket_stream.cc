#include "net/loop/socket_stream.h"

#include "fmt/format.h"
#include "net/loop/thread_slab.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace gapless::net {
namespace {

constexpr size_t kThreadSlab = 256 * 1024;
// A read into less space than this is not worth a system call: a new slab begins.
constexpr size_t kMinRoom = 32 * 1024;
// One turn reads at most this much from one connection, so that the others get theirs.
constexpr size_t kReadPerTurn = 1024 * 1024;
constexpr size_t kMaxIov = 64;
// So many bytes are not held back for others of the same turn.
constexpr size_t kFlushAt = 128 * 1024;

std::string ErrorText(int error) {
  return std::error_code(error, std::generic_category()).message();
}

SocketAddress LocalAddressOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return {};
  }
  return SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

SocketAddress PeerAddressOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return {};
  }
  return SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

// nullopt: not TCP, or closed.
std::optional<tcp_info> TcpInfo(const Fd& fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (!fd.valid() || getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::nullopt;
  }
  return info;
}

// One per thread: streams of a worker read one after the other.
ThreadSlab& ReadMemory() {
  thread_local ThreadSlab memory(kThreadSlab);
  return memory;
}

void SetIntOption(int fd, int level, int option, int value) {
  // Tuning only: a kernel that refuses still carries the connection.
  setsockopt(fd, level, option, &value, sizeof(value));
}

}  // namespace

SocketStream::SocketStream(Worker& worker, const SocketAddress& address,
                           const StreamOptions& options)
    : worker_(worker), options_(options), peer_(address) {}

SocketStream::SocketStream(Worker& worker, Fd fd, const StreamOptions& options)
    : worker_(worker),
      options_(options),
      local_(LocalAddressOf(fd.get())),
      peer_(PeerAddressOf(fd.get())),
      fd_(std::move(fd)) {}

SocketStream::~SocketStream() {
  *self_ = nullptr;
  Close();
}

const std::string& SocketStream::alpn() const {
  static const std::string kNone;
  return kNone;
}

void SocketStream::Later(void (SocketStream::*method)()) {
  worker_.Post([self = self_, method] {
    if (*self) {
      (**self.*method)();
    }
  });
}

void SocketStream::Start(StreamHandler* handler) {
  GAPLESS_CHECK(state_ == State::kNew);
  handler_ = handler;
  if (fd_.valid()) {
    state_ = State::kConnecting;
    Later(&SocketStream::OnConnected);
    return;
  }
  BeginConnect();
}

void SocketStream::BeginConnect() {
  state_ = State::kConnecting;
  fd_ = Fd(socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.valid()) {
    return FailLater(Unavailable(fmt::format("cannot create a socket: {}", ErrorText(errno))));
  }
  int result = connect(fd_.get(), peer_.get(), peer_.size());
  if (result != 0 && errno != EINPROGRESS) {
    return FailLater(Unavailable(fmt::format("dial {}: {}", peer_.ToString(), ErrorText(errno))));
  }
  if (result == 0) {
    return Later(&SocketStream::OnConnected);
  }
  watch_ = worker_.Watch(fd_.get(), kIoRead | kIoWrite | kIoEdge,
                         [this](uint32_t events) { OnIo(events); });
  if (options_.connect_timeout > Duration::zero()) {
    connect_timer_ = worker_.RunAfter(options_.connect_timeout, [this] {
      Fail(Unavailable(fmt::format("dial {}: timed out", peer_.ToString())));
    });
  }
}

void SocketStream::FinishConnect() {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return Fail(Unavailable(fmt::format("dial {}: {}", peer_.ToString(), ErrorText(error))));
  }
  OnConnected();
}

void SocketStream::OnConnected() {
  if (state_ != State::kConnecting) {
    return;
  }
  connect_timer_.Cancel();
  state_ = State::kConnected;
  progress_.connected = worker_.Now();
  SetSocketOptions();
  if (local_.size() == 0) {
    local_ = LocalAddressOf(fd_.get());
  }
  writable_ = true;
  if (!watch_.active()) {
    watch_ = worker_.Watch(fd_.get(), kIoRead | kIoWrite | kIoEdge,
                           [this](uint32_t events) { OnIo(events); });
  }
  handler_->OnConnected();
  if (state_ == State::kConnected) {
    Flush();
  }
}

void SocketStream::SetSocketOptions() {
  if (peer_.family() != AF_INET && peer_.family() != AF_INET6) {
    return;
  }
  SetIntOption(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  auto idle = std::chrono::duration_cast<std::chrono::seconds>(options_.tcp_keepalive).count();
  if (idle > 0) {
    SetIntOption(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    SetIntOption(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle));
    SetIntOption(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(idle));
  }
  if (options_.tcp_user_timeout > Duration::zero()) {
    // A packet that is lost on a long way is acknowledged some round trips later.
    user_timeout_ = std::max(options_.tcp_user_timeout, 6 * RoundTrip());
    SetUserTimeout(user_timeout_);
  }
}

void SocketStream::SetUserTimeout(Duration timeout) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  SetIntOption(fd_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms));
}

bool SocketStream::ReaderIsFull() {
  if (!reader_full_ && AckedBytes() == queued_bytes()) {
    return false;
  }
  const std::optional<tcp_info> info = TcpInfo(fd_);
  int unsent = 0;
  const bool full =
      info && info->tcpi_unacked == 0 && ioctl(fd_.get(), SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
  if (full != reader_full_ && user_timeout_ > Duration::zero()) {
    SetUserTimeout(full ? Duration::zero() : user_timeout_);
  }
  return reader_full_ = full;
}

void SocketStream::OnIo(uint32_t events) {
  if (state_ == State::kConnecting) {
    if (events & (kIoWrite | kIoError)) {
      FinishConnect();
    }
    if (state_ != State::kConnected) {
      return;
    }
  }
  if (state_ != State::kConnected) {
    return;
  }
  hangup_ = hangup_ || (events & kIoHangup);
  if (events & kIoWrite) {
    writable_ = true;
    Flush();
    ReportWritable();
  }
  if (state_ == State::kConnected && (events & (kIoRead | kIoError | kIoHangup))) {
    readable_ = true;
    if (read_paused_ && (events & kIoError)) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) {
        return Fail(Unavailable(fmt::format("connection lost: {}", ErrorText(error))));
      }
    }
    ReadSome();
    ReportHangup();
  }
}

void SocketStream::ReadSome() {
  read_scheduled_ = false;
  size_t total = 0;
  while (state_ == State::kConnected && readable_ && !read_paused_ && !read_ended_) {
    if (total >= kReadPerTurn) {
      read_scheduled_ = true;
      return Later(&SocketStream::ReadSome);
    }
    const std::span<std::byte> room = ReadMemory().Room(kMinRoom, options_.read_buffer_bytes);
    const ssize_t got = recv(fd_.get(), room.data(), room.size(), 0);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      readable_ = false;
      if (errno == EAGAIN) {
        return;
      }
      return Fail(Unavailable(fmt::format("connection lost: {}", ErrorText(errno))));
    }
    if (got == 0) {
      read_ended_ = true;
      handler_->OnEnd();
      return FinishIfBothEnded();
    }
    const size_t size = static_cast<size_t>(got);
    total += size;
    progress_.heard = worker_.Now();
    // A short read has emptied the socket: what comes later is a new edge. Not so when the end has
    // come already.
    readable_ = size == room.size() || hangup_;
    handler_->OnData(ReadMemory().Take(size));
  }
}

void SocketStream::PauseRead() {
  read_paused_ = true;
  if (hangup_ && !hangup_reported_) {
    Later(&SocketStream::ReportHangup);
  }
}

// A reader that waits for something else hears that its peer has left.
void SocketStream::ReportHangup() {
  if (state_ == State::kConnected && hangup_ && read_paused_ && !read_ended_ && !hangup_reported_) {
    hangup_reported_ = true;
    handler_->OnHangup();
  }
}

void SocketStream::ResumeRead() {
  if (!read_paused_) {
    return;
  }
  read_paused_ = false;
  if (readable_ && !read_scheduled_ && state_ == State::kConnected) {
    read_scheduled_ = true;
    Later(&SocketStream::ReadSome);
  }
}

void SocketStream::Write(Rope bytes) {
  if (state_ == State::kDead || write_ending_ || bytes.empty()) {
    return;
  }
  pending_ += bytes.size();
  for (const Slice& slice : bytes.slices()) {
    queue_.push_back(slice);
  }
  if (pending_ >= kFlushAt) {
    Flush();
  } else if (!flush_scheduled_ && state_ == State::kConnected) {
    // Writes of one turn leave with one system call.
    flush_scheduled_ = true;
    Later(&SocketStream::FlushNow);
  }
  above_high_ = above_high_ || pending_ > options_.high_watermark_bytes;
}

void SocketStream::ShutdownWrite() {
  if (state_ == State::kDead || write_ending_) {
    return;
  }
  write_ending_ = true;
  Flush();
}

void SocketStream::FlushNow() {
  flush_scheduled_ = false;
  Flush();
}

void SocketStream::Flush() {
  if (state_ != State::kConnected || failure_) {
    return;
  }
  while (writable_ && !queue_.empty() && SendOnce()) {
  }
  if (queue_.empty() && write_ending_ && !write_ended_ && state_ == State::kConnected) {
    write_ended_ = true;
    shutdown(fd_.get(), SHUT_WR);
    if (read_ended_) {
      Later(&SocketStream::FinishIfBothEnded);
    }
  }
}

bool SocketStream::SendOnce() {
  std::array<iovec, kMaxIov> iov;
  size_t count = 0;
  size_t offered = 0;
  for (auto it = queue_.begin(); it != queue_.end() && count < kMaxIov; ++it, ++count) {
    // sendmsg does not write through iov_base; the field is not const for readv's sake.
    iov[count] = {const_cast<std::byte*>(it->data()), it->size()};
    offered += it->size();
  }
  msghdr message{};
  message.msg_iov = iov.data();
  message.msg_iovlen = count;
  const ssize_t sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) {
      return true;
    }
    writable_ = false;
    if (errno != EAGAIN) {
      FailLater(Unavailable(fmt::format("connection lost: {}", ErrorText(errno))));
    }
    return false;
  }
  Advance(static_cast<size_t>(sent));
  // A short write has filled the socket: room comes as a new edge.
  writable_ = static_cast<size_t>(sent) == offered;
  return writable_;
}

void SocketStream::Advance(size_t sent) {
  pending_ -= sent;
  sent_ += sent;
  while (sent > 0) {
    Slice& front = queue_.front();
    if (front.size() > sent) {
      front = front.Sub(sent, front.size() - sent);
      return;
    }
    sent -= front.size();
    queue_.pop_front();
  }
}

void SocketStream::ReportWritable() {
  if (state_ == State::kConnected && above_high_ && pending_ <= options_.low_watermark_bytes) {
    above_high_ = false;
    handler_->OnWritable();
  }
}

uint64_t SocketStream::AckedBytes() const {
  int unacked = 0;
  if (!fd_.valid() || ioctl(fd_.get(), SIOCOUTQ, &unacked) != 0) {
    return 0;
  }
  return sent_ - std::min(sent_, static_cast<uint64_t>(unacked));
}

Duration SocketStream::RoundTrip() const {
  const std::optional<tcp_info> info = TcpInfo(fd_);
  return info ? std::chrono::microseconds(info->tcpi_rtt) : Duration::zero();
}

void SocketStream::FinishIfBothEnded() {
  if (state_ == State::kConnected && read_ended_ && write_ended_) {
    Fail(Unavailable("connection closed"));
  }
}

void SocketStream::Fail(Status reason) {
  StreamHandler* handler = handler_;
  Close();
  if (handler) {
    handler->OnClosed(std::move(reason));
  }
}

void SocketStream::FailLater(Status reason) {
  if (!failure_) {
    failure_ = std::move(reason);
    Later(&SocketStream::DeliverFailure);
  }
}

void SocketStream::DeliverFailure() {
  if (state_ != State::kDead && failure_) {
    Fail(*failure_);
  }
}

void SocketStream::Close() {
  if (state_ == State::kDead) {
    return;
  }
  if (flush_scheduled_) {
    Flush();  // a last word that was written in this turn
  }
  state_ = State::kDead;
  handler_ = nullptr;
  connect_timer_.Cancel();
  watch_.Reset();
  fd_.Reset();
  queue_.clear();
  pending_ = 0;
}

}  // namespace gapless::net
