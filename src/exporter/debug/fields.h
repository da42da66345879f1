// Field numbers of the OTLP messages that are printed (opentelemetry-proto 1.10). The three signals
// share the shape request / resource / scope / item.
#pragma once

#include <cstdint>

namespace gapless::exporter::debug::field {

inline constexpr uint32_t kResources = 1;  // of every request
inline constexpr uint32_t kResource = 1;   // of a resource's telemetry
inline constexpr uint32_t kScopes = 2;
inline constexpr uint32_t kScope = 1;  // of a scope's telemetry
inline constexpr uint32_t kItems = 2;
inline constexpr uint32_t kSchemaUrl = 3;  // of both
inline constexpr uint32_t kResourceAttributes = 1;
inline constexpr uint32_t kEntityRefs = 3;
inline constexpr uint32_t kScopeName = 1;
inline constexpr uint32_t kScopeVersion = 2;
inline constexpr uint32_t kScopeAttributes = 3;

// Metric: its data is one of these.
inline constexpr uint32_t kMetricName = 1;
inline constexpr uint32_t kMetricDescription = 2;
inline constexpr uint32_t kMetricUnit = 3;
inline constexpr uint32_t kGauge = 5;
inline constexpr uint32_t kSum = 7;
inline constexpr uint32_t kHistogram = 9;
inline constexpr uint32_t kExponentialHistogram = 10;
inline constexpr uint32_t kSummary = 11;
inline constexpr uint32_t kMetricMetadata = 12;
inline constexpr uint32_t kPoints = 1;  // of each of them
inline constexpr uint32_t kTemporality = 2;
inline constexpr uint32_t kIsMonotonic = 3;

// Data points: the same in all kinds.
inline constexpr uint32_t kPointStart = 2;
inline constexpr uint32_t kPointTime = 3;
// Number points.
inline constexpr uint32_t kNumberAttributes = 7;
inline constexpr uint32_t kNumberDouble = 4;
inline constexpr uint32_t kNumberInt = 6;
inline constexpr uint32_t kNumberExemplars = 5;
// Histogram, exponential histogram and summary points.
inline constexpr uint32_t kPointCount = 4;
inline constexpr uint32_t kPointSum = 5;
inline constexpr uint32_t kHistogramAttributes = 9;
inline constexpr uint32_t kHistogramBuckets = 6;
inline constexpr uint32_t kHistogramBounds = 7;
inline constexpr uint32_t kHistogramExemplars = 8;
inline constexpr uint32_t kHistogramMin = 11;
inline constexpr uint32_t kHistogramMax = 12;
inline constexpr uint32_t kExponentialAttributes = 1;
inline constexpr uint32_t kExponentialScale = 6;
inline constexpr uint32_t kExponentialZeroCount = 7;
inline constexpr uint32_t kExponentialPositive = 8;
inline constexpr uint32_t kExponentialNegative = 9;
inline constexpr uint32_t kExponentialExemplars = 11;
inline constexpr uint32_t kExponentialMin = 12;
inline constexpr uint32_t kExponentialMax = 13;
inline constexpr uint32_t kSummaryAttributes = 7;
inline constexpr uint32_t kSummaryQuantiles = 6;

}  // namespace gapless::exporter::debug::field
