// Child: a process that this one started, and ends.
#pragma once

#include "base/status.h"

#include <string>
#include <vector>

#include <sys/types.h>

namespace gapless::cli {

class Child {
 public:
  // Runs this very program with `args`; its output goes to the file `output`.
  static Result<Child> StartSelf(const std::vector<std::string>& args, const std::string& output);
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  // Kills it if it still runs.
  ~Child();

  void Signal(int number) const;
  // Waits for its end; -1: it was killed by a signal.
  int Wait();
  bool running() const { return pid_ > 0; }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
};

// A loopback port that is free at the moment.
Result<int> FreePort();

}  // namespace gapless::cli
