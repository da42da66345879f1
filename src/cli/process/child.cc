#include "cli/process/child.h"

#include "net/loop/fd.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gapless::cli {

Result<Child> Child::StartSelf(const std::vector<std::string>& args, const std::string& output) {
  std::vector<char*> argv;
  std::string self = "/proc/self/exe";
  argv.push_back(self.data());
  std::vector<std::string> copies = args;
  for (std::string& arg : copies) {
    argv.push_back(arg.data());
  }
  argv.push_back(nullptr);
  const net::Fd out(open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (out.get() < 0) {
    return Internal(fmt::format("{}: {}", output, std::strerror(errno)));
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return Internal(fmt::format("fork: {}", std::strerror(errno)));
  }
  if (pid == 0) {
    // It ends with its parent, however that ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(out.get(), STDOUT_FILENO);
    dup2(out.get(), STDERR_FILENO);
    if (getppid() == parent) {
      execv(self.c_str(), argv.data());
    }
    _exit(127);
  }
  return Child(pid);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

Child::~Child() {
  if (running()) {
    Signal(SIGKILL);
    Wait();
  }
}

void Child::Signal(int number) const {
  if (running()) {
    kill(pid_, number);
  }
}

int Child::Wait() {
  int status = 0;
  if (!running() || waitpid(std::exchange(pid_, -1), &status, 0) < 0) {
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Result<int> FreePort() {
  const net::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (fd.get() < 0 || bind(fd.get(), raw, size) != 0 || getsockname(fd.get(), raw, &size) != 0) {
    return Unavailable(fmt::format("no free port: {}", std::strerror(errno)));
  }
  return int{ntohs(address.sin_port)};
}

}  // namespace gapless::cli
