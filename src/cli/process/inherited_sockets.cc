#include "cli/process/inherited_sockets.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace gapless::cli {
namespace {

constexpr int kFirst = 3;
// Nobody passes more.
constexpr int kMost = 1024;

Result<int> NumberIn(const char* name) {
  const char* const value = std::getenv(name);
  const std::string_view text = value ? value : "0";
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return InvalidArgument(fmt::format("environment: {}=\"{}\" is not a number", name, text));
  }
  return number;
}

}  // namespace

Result<std::vector<net::Fd>> TakeInheritedSockets() {
  ASSIGN_OR_RETURN(const int count, NumberIn("LISTEN_FDS"));
  ASSIGN_OR_RETURN(const int pid, NumberIn("LISTEN_PID"));
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
    unsetenv(name);
  }
  std::vector<net::Fd> sockets;
  if (pid != getpid() || count > kMost) {
    return sockets;
  }
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
      sockets.emplace_back(fd);
    }
  }
  return sockets;
}

}  // namespace gapless::cli
