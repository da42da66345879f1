// MetricsServer: our own metrics as Prometheus text on `/metrics`.
#pragma once

#include "net/http_server.h"
#include "net/listener.h"
#include "service/telemetry_config.h"
#include "telemetry/metrics.h"
#include "telemetry/prometheus.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::service {

// Control worker only.
class MetricsServer {
 public:
  // Errors: UNAVAILABLE when the port is taken.
  static Result<std::unique_ptr<MetricsServer>> Open(net::Worker& worker,
                                                     const PrometheusConfig& config,
                                                     telemetry::Registry& registry,
                                                     telemetry::Labels resource);
  ~MetricsServer();

  // With the real port.
  std::string address() const;

 private:
  class Handler;
  MetricsServer(std::unique_ptr<net::Listener> listener, std::shared_ptr<net::HttpServer> server);

  std::unique_ptr<net::Listener> listener_;
  std::shared_ptr<net::HttpServer> server_;
};

}  // namespace gapless::service
