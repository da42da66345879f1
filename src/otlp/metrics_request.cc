#include "otlp/metrics_request.h"

#include "otlp/scan.h"
#include "wire/proto.h"

#include <bit>
#include <string>

namespace gapless::otlp {
namespace {

using telemetry::FamilyValue;
using telemetry::MetricKind;
using telemetry::SeriesValue;
using wire::Writer;

// Field numbers, by message.
namespace request {
constexpr uint32_t kResourceMetrics = 1;
}
namespace resource_metrics {
constexpr uint32_t kResource = 1;
constexpr uint32_t kScopeMetrics = 2;
}  // namespace resource_metrics
namespace scope_metrics {
constexpr uint32_t kScope = 1;
constexpr uint32_t kMetrics = 2;
}  // namespace scope_metrics
namespace metric {
constexpr uint32_t kName = 1;
constexpr uint32_t kDescription = 2;
constexpr uint32_t kUnit = 3;
constexpr uint32_t kGauge = 5;
constexpr uint32_t kSum = 7;
constexpr uint32_t kHistogram = 9;
}  // namespace metric
// Of Gauge, Sum and Histogram alike; the others of Sum and Histogram.
constexpr uint32_t kDataPoints = 1;
constexpr uint32_t kTemporality = 2;
constexpr uint32_t kMonotonic = 3;
constexpr uint64_t kCumulative = 2;
namespace number_point {
constexpr uint32_t kAsDouble = 4;
constexpr uint32_t kAttributes = 7;
}  // namespace number_point
namespace histogram_point {
constexpr uint32_t kCount = 4;
constexpr uint32_t kSum = 5;
constexpr uint32_t kBucketCounts = 6;
constexpr uint32_t kBounds = 7;
constexpr uint32_t kAttributes = 9;
}  // namespace histogram_point
// Of both kinds of points.
constexpr uint32_t kStartTime = 2;
constexpr uint32_t kTime = 3;

constexpr uint32_t kResourceAttributes = 1;
constexpr uint32_t kScopeName = 1;
constexpr uint32_t kKey = 1;
constexpr uint32_t kValue = 2;
constexpr uint32_t kStringValue = 1;

uint64_t Nanos(WallTime time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

void WriteAttributes(Writer& writer, uint32_t field, const telemetry::Labels& labels) {
  for (const auto& [name, value] : labels) {
    const size_t pair = writer.Begin(field);
    writer.Bytes(kKey, name);
    const size_t any = writer.Begin(kValue);
    writer.Bytes(kStringValue, value);
    writer.End(any);
    writer.End(pair);
  }
}

void WriteNumber(Writer& writer, const SeriesValue& series, WallTime start, WallTime now) {
  const size_t point = writer.Begin(kDataPoints);
  writer.Fixed64(kStartTime, Nanos(start));
  writer.Fixed64(kTime, Nanos(now));
  writer.Double(number_point::kAsDouble, series.value);
  WriteAttributes(writer, number_point::kAttributes, series.labels);
  writer.End(point);
}

// Packed fixed64 values.
template <typename T>
void WritePacked(Writer& writer, uint32_t field, std::span<const T> values) {
  writer.Bytes(field, std::as_bytes(values));
}

void WriteHistogram(Writer& writer, const SeriesValue& series, std::span<const double> bounds,
                    WallTime start, WallTime now) {
  static_assert(std::endian::native == std::endian::little);
  const size_t point = writer.Begin(kDataPoints);
  writer.Fixed64(kStartTime, Nanos(start));
  writer.Fixed64(kTime, Nanos(now));
  writer.Fixed64(histogram_point::kCount, series.count);
  writer.Double(histogram_point::kSum, series.sum);
  WritePacked(writer, histogram_point::kBucketCounts, std::span<const uint64_t>(series.buckets));
  WritePacked(writer, histogram_point::kBounds, bounds);
  WriteAttributes(writer, histogram_point::kAttributes, series.labels);
  writer.End(point);
}

void WriteFamily(Writer& writer, const FamilyValue& family, WallTime start, WallTime now) {
  const telemetry::MetricDef& def = *family.def;
  const size_t mark = writer.Begin(scope_metrics::kMetrics);
  writer.Bytes(metric::kName, def.name);
  writer.Bytes(metric::kDescription, def.help);
  writer.Bytes(metric::kUnit, def.unit);
  const bool histogram = def.kind == MetricKind::kHistogram;
  const bool gauge = def.kind == MetricKind::kGauge;
  const size_t data =
      writer.Begin(histogram ? metric::kHistogram : (gauge ? metric::kGauge : metric::kSum));
  for (const SeriesValue& series : family.series) {
    if (histogram) {
      WriteHistogram(writer, series, def.bounds, start, now);
    } else {
      WriteNumber(writer, series, start, now);
    }
  }
  if (!gauge) {
    writer.Varint(kTemporality, kCumulative);
  }
  if (def.kind == MetricKind::kCounter) {
    writer.Varint(kMonotonic, 1);
  }
  writer.End(data);
  writer.End(mark);
}

}  // namespace

Batch EncodeMetrics(std::span<const FamilyValue> families, const telemetry::Labels& resource,
                    WallTime start, WallTime now) {
  std::string text;
  Writer writer(&text);
  const size_t whole = writer.Begin(request::kResourceMetrics);
  const size_t of = writer.Begin(resource_metrics::kResource);
  WriteAttributes(writer, kResourceAttributes, resource);
  writer.End(of);
  const size_t scoped = writer.Begin(resource_metrics::kScopeMetrics);
  const size_t scope = writer.Begin(scope_metrics::kScope);
  writer.Bytes(kScopeName, "gapless");
  writer.End(scope);
  size_t points = 0;
  for (const FamilyValue& family : families) {
    WriteFamily(writer, family, start, now);
    points += family.series.size();
  }
  writer.End(scoped);
  writer.End(whole);
  const Rope body = Rope::CopyOf(text);
  const Result<uint64_t> lanes = LanesOf(body, Signal::kMetrics);
  return {.signal = Signal::kMetrics,
          .items = static_cast<uint32_t>(points),
          .body = body,
          .raw_size = text.size(),
          .lanes = lanes.ok() ? *lanes : 0,
          .metadata = {},
          .context = {}};
}

}  // namespace gapless::otlp
