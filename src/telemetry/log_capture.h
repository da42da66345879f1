// A log that is kept in memory, for tests: no sampling, level debug, console lines, one fixed time.
#pragma once

#include "telemetry/log_core.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::telemetry {

class LogCapture {
 public:
  explicit LogCapture(LogOptions options = DefaultOptions());

  Logger logger() const { return Logger(core_); }
  // All lines so far; thread-safe.
  std::string text() const;
  std::vector<std::string> lines() const;       // without '\n'
  size_t Count(std::string_view needle) const;  // lines that contain `needle`

  static LogOptions DefaultOptions();

 private:
  struct Store {
    mutable Mutex mu;
    std::string text GAPLESS_GUARDED_BY(mu);
  };
  std::shared_ptr<Store> store_ = std::make_shared<Store>();
  std::shared_ptr<LogCore> core_;
};

}  // namespace gapless::telemetry
