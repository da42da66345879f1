// The debug exporter: writes what passes to the log or to stdout. Every attempt succeeds.
#pragma once

#include "exporter/debug/config.h"
#include "sending/exporter.h"
#include "telemetry/log_core.h"

#include <memory>

namespace gapless::exporter::debug {

class DebugExporter final : public sending::Exporter {
 public:
  DebugExporter(const pipeline::Settings& settings, Config config);

  // Fails if an output path cannot be opened.
  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                      Duration suspect_after) override;

 private:
  const Config config_;
  telemetry::Logger log_;  // where the output goes
};

// The transport alone, on any loop: for tests.
std::unique_ptr<sending::Transport> MakeTransport(const Config& config, otlp::Signal signal,
                                                  Loop& home, telemetry::Logger log);

}  // namespace gapless::exporter::debug
