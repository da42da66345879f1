// A reading of the metrics registry as an OTLP request. Pure.
// opentelemetry/proto/metrics/v1/metrics.proto, collector/metrics/v1/metrics_service.proto.
#pragma once

#include "base/loop.h"
#include "otlp/batch.h"
#include "telemetry/metrics.h"

#include <span>

namespace gapless::otlp {

// Cumulative since `start`, read at `now`; one resource, one scope; the batch is a valid
// ExportMetricsServiceRequest.
Batch EncodeMetrics(std::span<const telemetry::FamilyValue> families,
                    const telemetry::Labels& resource, WallTime start, WallTime now);

}  // namespace gapless::otlp
