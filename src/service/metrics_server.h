// Our own metrics as Prometheus text on `/metrics`.
#pragma once

#include "service/http_endpoint.h"
#include "service/telemetry_config.h"
#include "telemetry/metrics.h"

#include <memory>

namespace gapless::service {

// Control worker only. `registry` outlives the endpoint. Errors: UNAVAILABLE when the port is
// taken.
Result<std::unique_ptr<HttpEndpoint>> OpenMetricsServer(net::Worker& worker,
                                                        const PrometheusConfig& config,
                                                        telemetry::Registry& registry,
                                                        const telemetry::Labels& resource);

}  // namespace gapless::service
