// How a stream reads and writes its socket. Internal to net.
#pragma once

#include "base/bytes.h"
#include "net/loop/socket.h"
#include "net/loop/thread_slab.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

namespace gapless::net {

// Reads a socket piece by piece into the thread's slab.
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
  Result<Slice> Read(TimePoint now) {
    const std::span<std::byte> room = Memory().Room(kMinRoom, max_read_bytes_);
    const ssize_t got = socket_.Receive(room, now);
    if (got <= 0) {
      readable_ = false;
      ended_ = got == 0;
      if (got < 0 && errno != EAGAIN) {
        return ConnectionLost(errno);
      }
      return Slice();
    }
    const size_t size = static_cast<size_t>(got);
    // A short read has emptied the socket: what comes later is a new edge. Not so when the end has
    // come already.
    readable_ = size == room.size() || hangup_;
    return Memory().Take(size);
  }
  bool ended() const { return ended_; }

  void Pause() { paused_ = true; }
  void Resume() { paused_ = false; }
  bool paused() const { return paused_; }
  // The peer has ended its direction, and nobody has been told.
  bool hung_up() const { return hangup_ && !hangup_told_; }
  // Once, while reading, which would show it, is paused.
  bool TakeHangup() { return hung_up() && paused_ && !ended_ && (hangup_told_ = true); }

 private:
  static constexpr size_t kThreadSlab = 256 * 1024;
  // A read into less space than this is not worth a system call: a new slab begins.
  static constexpr size_t kMinRoom = 32 * 1024;

  // One per thread: streams of a worker read one after the other.
  static ThreadSlab& Memory() {
    thread_local ThreadSlab memory(kThreadSlab);
    return memory;
  }

  Socket& socket_;
  const size_t max_read_bytes_;
  bool readable_ = false;
  bool paused_ = false;
  bool ended_ = false;
  bool hangup_ = false;
  bool hangup_told_ = false;
};

// The bytes that wait until a socket takes them.
class SocketWriter {
 public:
  // The watermarks of the queue, in bytes.
  SocketWriter(Socket& socket, size_t high, size_t low) : socket_(socket), high_(high), low_(low) {}

  void Add(const Rope& bytes) {
    socket_.OnQueued(bytes.size());
    pending_ += bytes.size();
    for (const Slice& slice : bytes.slices()) {
      queue_.push_back(slice);
    }
  }
  // With the last byte that waits, our direction ends.
  void End() { end_ = Direction::kEnding; }
  // The socket has room.
  void OnWritable() { writable_ = true; }
  // Sends what the socket takes, with few system calls. Not OK: the connection is lost.
  Status Flush() {
    while (writable_ && !queue_.empty()) {
      if (Status status = SendOnce(); !status.ok()) {
        return status;
      }
    }
    if (queue_.empty() && end_ == Direction::kEnding) {
      end_ = Direction::kEnded;
      shutdown(socket_.fd().get(), SHUT_WR);
    }
    return OkStatus();
  }
  void Clear() {
    queue_.clear();
    pending_ = 0;
  }

  size_t pending() const { return pending_; }
  bool ending() const { return end_ != Direction::kOpen; }
  bool ended() const { return end_ == Direction::kEnded; }
  // True from the first NoteLevel above the high watermark until TakeRelief.
  bool above_high() const { return above_high_; }
  void NoteLevel() { above_high_ = above_high_ || pending_ > high_; }
  // Once: the queue has fallen to the low watermark after it had been above the high one.
  bool TakeRelief() { return pending_ <= low_ && std::exchange(above_high_, false); }

 private:
  static constexpr size_t kMaxIov = 64;
  enum class Direction : uint8_t { kOpen, kEnding, kEnded };

  Status SendOnce() {
    std::array<iovec, kMaxIov> iov;
    size_t count = 0;
    size_t offered = 0;
    for (auto it = queue_.begin(); it != queue_.end() && count < kMaxIov; ++it, ++count) {
      // sendmsg does not write through iov_base; the field is not const for readv's sake.
      iov[count] = {const_cast<std::byte*>(it->data()), it->size()};
      offered += it->size();
    }
    const ssize_t sent = socket_.Send(std::span(iov).first(count));
    if (sent < 0) {
      writable_ = false;
      return errno == EAGAIN ? OkStatus() : ConnectionLost(errno);
    }
    Advance(static_cast<size_t>(sent));
    // A short write has filled the socket: room comes as a new edge.
    writable_ = static_cast<size_t>(sent) == offered;
    return OkStatus();
  }
  void Advance(size_t sent) {
    pending_ -= sent;
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
