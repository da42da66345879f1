// OwnMetrics: every reader of service.telemetry.metrics: servers that are scraped, pushes that are
// sent.
#pragma once

#include "net/server/http_service.h"
#include "service/config/telemetry_config.h"
#include "service/telemetry/metrics_push.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gapless::service {

// Control worker only.
class OwnMetrics {
 public:
  // Everything outlives it.
  struct Options {
    const Factories& factories;
    const std::vector<net::Worker*>& workers;  // the first is the control worker
    telemetry::Registry& registry;
    telemetry::Logger log;
  };
  explicit OwnMetrics(Options options);
  ~OwnMetrics();

  // Brings the readers to what is wanted. One that stays as it was keeps its socket and its
  // connections; one that only changed keeps its address without refusing a connection. On an error
  // (a port that is taken) the former ones run on.
  Status Configure(const MetricsConfig& config, const telemetry::Labels& resource);
  // A last push of those that push; `done` when all have been answered, or after `limit`.
  void Flush(Duration limit, std::move_only_function<void()> done);
  // The process ends: nothing is served or pushed any more.
  void StopAll();

  // Where metrics are served, with real ports. For tests.
  std::vector<std::string> addresses() const;

 private:
  struct Reader {
    MetricsReader config;
    telemetry::Labels resource;
    std::unique_ptr<net::HttpService> server;
    std::unique_ptr<MetricsPush> push;

    bool IsFor(const MetricsReader& wanted, const telemetry::Labels& of) const;
  };
  Status Start(Reader& reader);
  void Stop(Reader& reader) const;

  const Options options_;
  const WallTime start_;
  std::vector<Reader> readers_;
};

}  // namespace gapless::service
