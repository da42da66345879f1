#include "cli/process/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace gapless::cli {

Result<SignalWatch> SignalWatch::Open(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) {
    sigaddset(&set, number);
  }
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return Internal("sigprocmask failed");
  }
  signal(SIGPIPE, SIG_IGN);
  net::Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (fd.get() < 0) {
    return Internal("signalfd failed");
  }
  return SignalWatch(std::move(fd));
}

void SignalWatch::Start(net::Worker& worker, std::move_only_function<void(int)> handler) {
  watch_ = worker.Watch(
      fd_.get(), net::kIoRead, [fd = fd_.get(), handler = std::move(handler)](uint32_t) mutable {
        signalfd_siginfo info;
        while (read(fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
          handler(static_cast<int>(info.ssi_signo));
        }
      });
}

}  // namespace gapless::cli
