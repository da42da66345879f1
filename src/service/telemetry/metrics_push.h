// MetricsPush: sends our own metrics as OTLP at an interval, through an exporter of this binary
// made for the purpose: the same TLS, headers, proxies and answers as anywhere.
//
// A push that fails is not repeated: the next one carries the same counters, further on.
#pragma once

#include "sending/exporter.h"
#include "service/config/factories.h"
#include "service/config/telemetry_config.h"

#include <functional>
#include <memory>
#include <optional>

namespace gapless::service {

// Control worker only.
class MetricsPush {
 public:
  // Everything outlives the push.
  struct Options {
    const Factories& factories;
    const std::vector<net::Worker*>& workers;  // the first is the control worker
    telemetry::Registry& registry;
    telemetry::Logger log;
    telemetry::Labels resource;
    WallTime start{};  // since when the counters count
  };
  // Precondition: `reader.exporter.otlp`. Errors: TLS files that cannot be read. A peer that is
  // absent is none.
  static Result<std::unique_ptr<MetricsPush>> Start(Options options, const PeriodicReader& reader);
  ~MetricsPush();

  // One more push; `done` is called when it was answered, at the latest after `limit`.
  void Flush(Duration limit, std::move_only_function<void()> done);

 private:
  MetricsPush(Options options, const PeriodicReader& reader,
              std::unique_ptr<sending::Exporter> exporter);

  void Tick();
  void Push(Duration timeout);
  void OnResult(const sending::AttemptResult& result);

  const Options options_;
  net::Worker& control_;
  const std::string endpoint_;
  const Duration interval_;
  const Duration timeout_;
  const std::unique_ptr<sending::Exporter> exporter_;
  std::unique_ptr<sending::Transport> transport_;
  std::optional<sending::AttemptId> attempt_;
  Timer tick_;
  Timer deadline_;
  telemetry::Sampled failures_log_{1, std::chrono::minutes(1)};
  std::move_only_function<void()> flushed_;
};

// The settings of the exporter that such a reader needs: its type, and its section. For tests.
struct PushTarget {
  std::string_view type;
  config::Node section;
};
PushTarget TargetOf(const OtlpReaderConfig& otlp);

}  // namespace gapless::service
