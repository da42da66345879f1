// Socket: one TCP or unix stream socket: what is asked of its kernel.
//
// Streams show it to their users, for what only the network below TLS and proxies knows. On one
// worker's thread.
#pragma once

#include "base/loop.h"
#include "net/loop/address.h"
#include "net/loop/fd.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

struct iovec;

namespace gapless::net {

// "connection lost: Connection reset by peer".
Status ConnectionLost(int error);

class Socket {
 public:
  // Connect opens it.
  explicit Socket(const SocketAddress& peer) : peer_(peer) {}
  explicit Socket(Fd connected);

  const Fd& fd() const { return fd_; }
  // True: connected at once. False: it becomes writable when it is, or has failed (TakeError).
  Result<bool> Connect();
  // The error (errno) that the kernel has noted, and forgets now; 0: none.
  int TakeError();
  // "dial 10.0.0.1:4317: Connection refused". Of origin kOwnShortage if that is what it is.
  Status DialFailed(int error) const;
  // To be told once, when it is connected. Probes begin after `keepalive` of idle time; sent bytes
  // that stay unacknowledged for `user_timeout` end the connection; zero: the system's default.
  void OnConnected(Duration keepalive, Duration user_timeout, TimePoint now);
  // As recv and sendmsg, over interrupts.
  ssize_t Receive(std::span<std::byte> room, TimePoint now);
  ssize_t Send(std::span<iovec> pieces);
  void OnQueued(size_t bytes) { queued_ += bytes; }
  void Close() { fd_.Reset(); }

  // Valid once connected.
  const SocketAddress& local() const { return local_; }
  const SocketAddress& peer() const { return peer_; }
  // When TCP was connected, and when the last bytes came.
  std::optional<TimePoint> connected_at() const { return connected_at_; }
  std::optional<TimePoint> heard_at() const { return heard_at_; }
  // Bytes that were ever queued, TLS overhead included: the position of what was written last.
  uint64_t queued_bytes() const { return queued_; }
  // How many of those the peer's kernel has acknowledged (one system call). For unix sockets: has
  // read.
  uint64_t AckedBytes() const;
  // True if the peer's kernel answers but takes no more, since its process does not read. From then
  // on, until this says otherwise, the user timeout does not hold: the kernel's would count the
  // probes that are answered as well.
  bool ReaderIsFull();
  // The round trip that the kernel measured (one system call): of the network and the peer's
  // kernel. Zero: unknown.
  Duration RoundTrip() const;

 private:
  void SetOption(int level, int option, int64_t value);
  void SetUserTimeout(Duration timeout);

  Fd fd_;
  SocketAddress local_;
  SocketAddress peer_;
  Duration user_timeout_{};
  bool reader_full_ = false;
  uint64_t queued_ = 0;
  uint64_t sent_ = 0;
  std::optional<TimePoint> connected_at_;
  std::optional<TimePoint> heard_at_;
};

}  // namespace gapless::net
