// The nop exporter: takes everything, keeps nothing. Every attempt and every probe succeeds.
#pragma once

#include "exporter/nop/config.h"
#include "sending/exporter.h"

#include <memory>

namespace gapless::exporter::nop {

class NopExporter final : public sending::Exporter {
 public:
  NopExporter(const pipeline::Settings& settings, Config config);

  Status Start() override { return OkStatus(); }
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                      Duration suspect_after) override;
};

// The transport alone, on any loop: for tests.
std::unique_ptr<sending::Transport> MakeTransport(Loop& home);

}  // namespace gapless::exporter::nop
