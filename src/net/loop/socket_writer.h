// SocketWriter: the bytes that wait until a socket takes them. Internal to net.
#pragma once

#include "base/bytes.h"
#include "net/loop/socket.h"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace gapless::net {

class SocketWriter {
 public:
  // The watermarks of the queue, in bytes.
  SocketWriter(Socket& socket, size_t high, size_t low) : socket_(socket), high_(high), low_(low) {}

  void Add(const Rope& bytes);
  // With the last byte that waits, our direction ends.
  void End() { end_ = Direction::kEnding; }
  // The socket has room.
  void OnWritable() { writable_ = true; }
  // Sends what the socket takes, with few system calls. Not OK: the connection is lost.
  Status Flush();
  void Clear();

  size_t pending() const { return pending_; }
  bool ending() const { return end_ != Direction::kOpen; }
  bool ended() const { return end_ == Direction::kEnded; }
  // True from the first NoteLevel above the high watermark until TakeRelief.
  bool above_high() const { return above_high_; }
  void NoteLevel() { above_high_ = above_high_ || pending_ > high_; }
  // Once: the queue has fallen to the low watermark after it had been above the high one.
  bool TakeRelief();

 private:
  enum class Direction : uint8_t { kOpen, kEnding, kEnded };

  Status SendOnce();
  void Advance(size_t sent);

  Socket& socket_;
  const size_t high_;
  const size_t low_;
  std::deque<Slice> queue_;
  size_t pending_ = 0;
  bool writable_ = false;
  bool above_high_ = false;
  Direction end_ = Direction::kOpen;
};

}  // namespace gapless::net
