#include "net/loop/socket.h"

#include "fmt/format.h"
#include "net/loop/descriptors.h"

#include <algorithm>
#include <cerrno>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace gapless::net {
namespace {

// nullopt: not TCP, or closed.
std::optional<tcp_info> TcpInfo(const Fd& fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (!fd.valid() || getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::nullopt;
  }
  return info;
}

}  // namespace

Status ConnectionLost(int error) {
  return Unavailable(fmt::format("connection lost: {}", ErrorText(error)));
}

Socket::Socket(Fd connected)
    : fd_(std::move(connected)),
      local_(AddressOf(fd_.get(), getsockname)),
      peer_(AddressOf(fd_.get(), getpeername)) {}

Result<bool> Socket::Connect() {
  fd_ = Fd(socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.valid()) {
    const int error = errno;
    const Status failed = Unavailable(fmt::format("cannot create a socket: {}", ErrorText(error)));
    return IsShortage(error) ? failed.FromOwnShortage() : failed;
  }
  const bool connected = connect(fd_.get(), peer_.get(), peer_.size()) == 0;
  if (!connected && errno != EINPROGRESS) {
    return DialFailed(errno);
  }
  return connected;
}

Status Socket::DialFailed(int error) const {
  const Status failed = Unavailable(fmt::format("dial {}: {}", peer_.ToString(), ErrorText(error)));
  return IsShortage(error) ? failed.FromOwnShortage() : failed;
}

int Socket::TakeError() {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void Socket::OnConnected(Duration keepalive, Duration user_timeout, TimePoint now) {
  connected_at_ = now;
  if (local_.size() == 0) {
    local_ = AddressOf(fd_.get(), getsockname);
  }
  if (peer_.family() != AF_INET && peer_.family() != AF_INET6) {
    return;
  }
  SetOption(IPPROTO_TCP, TCP_NODELAY, 1);
  const auto idle = std::chrono::duration_cast<std::chrono::seconds>(keepalive).count();
  if (idle > 0) {
    SetOption(SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(IPPROTO_TCP, TCP_KEEPIDLE, idle);
    SetOption(IPPROTO_TCP, TCP_KEEPINTVL, idle);
  }
  if (user_timeout > Duration::zero()) {
    // A packet that is lost on a long way is acknowledged some round trips later.
    user_timeout_ = std::max(user_timeout, 6 * RoundTrip());
    SetUserTimeout(user_timeout_);
  }
}

ssize_t Socket::Receive(std::span<std::byte> room, TimePoint now) {
  ssize_t got = 0;
  do {
    got = recv(fd_.get(), room.data(), room.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    heard_at_ = now;
  }
  return got;
}

ssize_t Socket::Send(std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent > 0) {
    sent_ += static_cast<uint64_t>(sent);
  }
  return sent;
}

uint64_t Socket::AckedBytes() const {
  int unacked = 0;
  if (!fd_.valid() || ioctl(fd_.get(), SIOCOUTQ, &unacked) != 0) {
    return 0;
  }
  return sent_ - std::min(sent_, static_cast<uint64_t>(unacked));
}

bool Socket::ReaderIsFull() {
  if (!reader_full_ && AckedBytes() == queued_) {
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

Duration Socket::RoundTrip() const {
  const std::optional<tcp_info> info = TcpInfo(fd_);
  return info ? std::chrono::microseconds(info->tcpi_rtt) : Duration::zero();
}

void Socket::SetOption(int level, int option, int64_t value) {
  // Tuning only: a kernel that refuses still carries the connection.
  const int number = static_cast<int>(value);
  setsockopt(fd_.get(), level, option, &number, sizeof(number));
}

void Socket::SetUserTimeout(Duration timeout) {
  SetOption(IPPROTO_TCP, TCP_USER_TIMEOUT,
            std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
}

}  // namespace gapless::net
