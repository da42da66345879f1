#include "net/loop/socket_reader.h"

#include "net/loop/thread_slab.h"

#include <cerrno>

namespace gapless::net {
namespace {

constexpr size_t kThreadSlab = 256 * 1024;
// A read into less space than this is not worth a system call: a new slab begins.
constexpr size_t kMinRoom = 32 * 1024;

// One per thread: streams of a worker read one after the other.
ThreadSlab& ReadMemory() {
  thread_local ThreadSlab memory(kThreadSlab);
  return memory;
}

}  // namespace

Result<Slice> SocketReader::Read(TimePoint now) {
  const std::span<std::byte> room = ReadMemory().Room(kMinRoom, max_read_bytes_);
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
  return ReadMemory().Take(size);
}

bool SocketReader::TakeHangup() { return hung_up() && paused_ && !ended_ && (hangup_told_ = true); }

}  // namespace gapless::net
