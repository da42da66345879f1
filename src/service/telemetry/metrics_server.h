// Our own metrics as Prometheus text on `/metrics`.
#pragma once

#include "net/server/http_service.h"
#include "service/config/telemetry_config.h"
#include "telemetry/metrics.h"

namespace gapless::service {

// Control worker only. `registry` outlives the service. Errors: UNAVAILABLE when the port is taken.
Status StartMetricsServer(net::HttpService& service, net::Worker& worker,
                          const PrometheusConfig& config, telemetry::Registry& registry,
                          const telemetry::Labels& resource);

}  // namespace gapless::service
