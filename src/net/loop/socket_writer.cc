#include "net/loop/socket_writer.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

namespace gapless::net {
namespace {

constexpr size_t kMaxIov = 64;

}  // namespace

void SocketWriter::Add(const Rope& bytes) {
  socket_.OnQueued(bytes.size());
  pending_ += bytes.size();
  for (const Slice& slice : bytes.slices()) {
    queue_.push_back(slice);
  }
}

Status SocketWriter::Flush() {
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

Status SocketWriter::SendOnce() {
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

void SocketWriter::Advance(size_t sent) {
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

bool SocketWriter::TakeRelief() { return pending_ <= low_ && std::exchange(above_high_, false); }

void SocketWriter::Clear() {
  queue_.clear();
  pending_ = 0;
}

}  // namespace gapless::net
