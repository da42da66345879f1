// SimLog: the product's log lines, each handed on as it is written.
#pragma once

#include "telemetry/log_core.h"

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace gapless::sim {

class SimLog {
 public:
  // `on_line`: the message and its fields, without '\n'; must not log.
  explicit SimLog(std::function<void(std::string_view line)> on_line)
      : core_(std::make_shared<telemetry::LogCore>(
            [] { return WallTime(std::chrono::seconds(1'700'000'000)); })) {
    telemetry::LogOptions options;
    options.message_only = true;
    options.output_paths.clear();
    options.sampling.enabled = false;
    core_->ConfigureWriter(std::move(options), [on_line = std::move(on_line)](std::string_view l) {
      on_line(l.substr(0, l.find('\n')));
    });
  }
  telemetry::Logger logger() const { return telemetry::Logger(core_); }

 private:
  std::shared_ptr<telemetry::LogCore> core_;
};

}  // namespace gapless::sim
