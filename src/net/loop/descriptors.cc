#include "net/loop/descriptors.h"

#include "net/loop/fd.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include <sys/resource.h>
#include <sys/socket.h>

namespace gapless::net {
namespace {

// Left to others by the servers: a quarter, within these bounds.
constexpr size_t kReserveMin = 128;
constexpr size_t kReserveMax = 4096;

struct Note {
  std::atomic<uint64_t> count{0};
  std::atomic<int> error{0};
};
std::array<Note, kShortages> notes;
std::atomic<size_t> connection_limit{0};

size_t LimitNow() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return kReserveMax;
  }
  const size_t all = limit.rlim_cur;
  const size_t reserve = std::clamp(all / 4, kReserveMin, kReserveMax);
  return std::max(all > reserve ? all - reserve : 0, all / 2);
}

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  connection_limit = 0;
}

size_t ConnectionLimit() {
  size_t limit = connection_limit.load(std::memory_order_relaxed);
  if (limit == 0) {
    limit = LimitNow();
    connection_limit.store(limit, std::memory_order_relaxed);
  }
  return limit;
}

void SetConnectionLimit(size_t limit) { connection_limit = limit; }

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool OutOfDescriptors() {
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return !fd.valid() && IsShortage(errno);
}

void NoteShortage(Shortage kind, int error) {
  Note& note = notes[static_cast<size_t>(kind)];
  note.error.store(error, std::memory_order_relaxed);
  note.count.fetch_add(1, std::memory_order_relaxed);
}

ShortageNote Noted(Shortage kind) {
  const Note& note = notes[static_cast<size_t>(kind)];
  return {.count = note.count.load(std::memory_order_relaxed),
          .error = note.error.load(std::memory_order_relaxed)};
}

}  // namespace gapless::net
