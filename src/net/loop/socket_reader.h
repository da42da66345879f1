// SocketReader: reads a socket piece by piece into the thread's slab (thread_slab.h). Internal to
// net.
#pragma once

#include "base/bytes.h"
#include "net/loop/socket.h"

#include <cstddef>

namespace gapless::net {

class SocketReader {
 public:
  // `max_read_bytes`: at most so much in one piece.
  SocketReader(Socket& socket, size_t max_read_bytes)
      : socket_(socket), max_read_bytes_(max_read_bytes) {}

  // The socket has become readable; `hangup`: also since the peer ended its direction.
  void OnReadable(bool hangup) {
    readable_ = true;
    hangup_ = hangup_ || hangup;
  }
  // There is something to read, and nobody minds.
  bool wanted() const { return readable_ && !paused_ && !ended_; }
  // The next piece. Empty: none is there now, or the end has come (`ended`).
  Result<Slice> Read(TimePoint now);
  bool ended() const { return ended_; }

  void Pause() { paused_ = true; }
  void Resume() { paused_ = false; }
  bool paused() const { return paused_; }
  // The peer has ended its direction, and nobody has been told.
  bool hung_up() const { return hangup_ && !hangup_told_; }
  // Once, while reading, which would show it, is paused.
  bool TakeHangup();

 private:
  Socket& socket_;
  const size_t max_read_bytes_;
  bool readable_ = false;
  bool paused_ = false;
  bool ended_ = false;
  bool hangup_ = false;
  bool hangup_told_ = false;
};

}  // namespace gapless::net
