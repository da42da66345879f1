#include "exporter/debug/detailed_text.h"
#include "exporter/debug/fields.h"
#include "exporter/debug/value.h"
#include "fmt/format.h"

#include <array>
#include <cmath>
#include <iterator>
#include <numbers>

namespace gapless::exporter::debug {
namespace {

template <typename... Args>
void Line(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
  *out += '\n';
}

// "Value: 1" of a number point or an exemplar.
void AppendNumber(std::string* out, std::string_view indent, const Record& point,
                  uint32_t double_field, uint32_t int_field) {
  if (const auto value = point.Double(double_field)) {
    Line(out, "{}Value: {}", indent, FixedDouble(*value));
  } else if (const auto number = point.Find(int_field)) {
    Line(out, "{}Value: {}", indent, number->as_int64());
  }
}

void AppendExemplars(std::string* out, const Record& point, uint32_t number) {
  const auto exemplars = point.Children(number);
  if (!exemplars.empty()) {
    Line(out, "Exemplars:");
  }
  for (size_t i = 0; i < exemplars.size(); ++i) {
    Line(out, "Exemplar #{}", i);
    Line(out, "     -> Trace ID: {}", exemplars[i].Hex(5));
    Line(out, "     -> Span ID: {}", exemplars[i].Hex(4));
    Line(out, "     -> Timestamp: {}", TimeText(exemplars[i].Number(2)));
    AppendNumber(out, "     -> ", exemplars[i], 3, 6);
    AppendAttributes(out, "     -> FilteredAttributes", exemplars[i], 7, "     ");
  }
}

void AppendTimes(std::string* out, const Record& point) {
  Line(out, "StartTimestamp: {}", TimeText(point.Number(field::kPointStart)));
  Line(out, "Timestamp: {}", TimeText(point.Number(field::kPointTime)));
}

void AppendStatistics(std::string* out, const Record& point, uint32_t min, uint32_t max) {
  Line(out, "Count: {}", point.Number(field::kPointCount));
  const std::pair<std::string_view, uint32_t> kOptional[] = {
      {"Sum", field::kPointSum}, {"Min", min}, {"Max", max}};
  for (const auto& [name, number] : kOptional) {
    if (const auto value = point.Double(number)) {
      Line(out, "{}: {}", name, FixedDouble(*value));
    }
  }
}

void AppendNumberPoint(std::string* out, const Record& point) {
  AppendTimes(out, point);
  AppendNumber(out, "", point, field::kNumberDouble, field::kNumberInt);
  AppendExemplars(out, point, field::kNumberExemplars);
}

void AppendHistogramPoint(std::string* out, const Record& point) {
  AppendTimes(out, point);
  AppendStatistics(out, point, field::kHistogramMin, field::kHistogramMax);
  const auto bounds = point.Doubles(field::kHistogramBounds);
  for (size_t i = 0; i < bounds.size(); ++i) {
    Line(out, "ExplicitBounds #{}: {}", i, FixedDouble(bounds[i]));
  }
  const auto counts = point.Fixed64s(field::kHistogramBuckets);
  for (size_t i = 0; i < counts.size(); ++i) {
    Line(out, "Buckets #{}, Count: {}", i, counts[i]);
  }
  AppendExemplars(out, point, field::kHistogramExemplars);
}

void AppendExponentialPoint(std::string* out, const Record& point) {
  AppendTimes(out, point);
  AppendStatistics(out, point, field::kExponentialMin, field::kExponentialMax);
  const auto scale = static_cast<int>(wire::UnZigZag(point.Number(field::kExponentialScale)));
  const double factor = std::ldexp(std::numbers::ln2, -scale);
  // The lower edge of bucket `index`: base^index, where base = 2^(2^-scale).
  const auto edge = [&](double index) { return std::exp(index * factor); };
  const auto offset = [](const Record& buckets) {
    return static_cast<double>(wire::UnZigZag(buckets.Number(1)));
  };

  const Record negative = point.Child(field::kExponentialNegative);
  const auto negative_counts = negative.Varints(2);
  for (size_t i = negative_counts.size(); i-- > 0;) {
    const double index = offset(negative) + static_cast<double>(i);
    Line(out, "Bucket [{}, {}), Count: {}", FixedDouble(-edge(index + 1)),
         FixedDouble(-edge(index)), negative_counts[i]);
  }
  if (const uint64_t zeros = point.Number(field::kExponentialZeroCount); zeros != 0) {
    Line(out, "Bucket [0, 0], Count: {}", zeros);
  }
  const Record positive = point.Child(field::kExponentialPositive);
  const auto positive_counts = positive.Varints(2);
  for (size_t i = 0; i < positive_counts.size(); ++i) {
    const double index = offset(positive) + static_cast<double>(i);
    Line(out, "Bucket ({}, {}], Count: {}", FixedDouble(edge(index)), FixedDouble(edge(index + 1)),
         positive_counts[i]);
  }
  AppendExemplars(out, point, field::kExponentialExemplars);
}

void AppendSummaryPoint(std::string* out, const Record& point) {
  AppendTimes(out, point);
  Line(out, "Count: {}", point.Number(field::kPointCount));
  Line(out, "Sum: {}", FixedDouble(point.Double(field::kPointSum).value_or(0)));
  const auto quantiles = point.Children(field::kSummaryQuantiles);
  for (size_t i = 0; i < quantiles.size(); ++i) {
    Line(out, "QuantileValue #{}: Quantile {}, Value {}", i,
         FixedDouble(quantiles[i].Double(1).value_or(0)),
         FixedDouble(quantiles[i].Double(2).value_or(0)));
  }
}

struct Kind {
  uint32_t number;
  std::string_view name;
  std::string_view points;
  uint32_t attributes;
  bool has_temporality;
  void (*append)(std::string* out, const Record& point);
};

constexpr Kind kKinds[] = {
    {field::kGauge, "Gauge", "NumberDataPoints", field::kNumberAttributes, false,
     AppendNumberPoint},
    {field::kSum, "Sum", "NumberDataPoints", field::kNumberAttributes, true, AppendNumberPoint},
    {field::kHistogram, "Histogram", "HistogramDataPoints", field::kHistogramAttributes, true,
     AppendHistogramPoint},
    {field::kExponentialHistogram, "ExponentialHistogram", "ExponentialHistogramDataPoints",
     field::kExponentialAttributes, true, AppendExponentialPoint},
    {field::kSummary, "Summary", "SummaryDataPoints", field::kSummaryAttributes, false,
     AppendSummaryPoint}};

// The kind whose data the metric holds; null if it holds none.
const Kind* KindOf(const Record& metric) {
  for (const Kind& kind : kKinds) {
    if (metric.Find(kind.number)) {
      return &kind;
    }
  }
  return nullptr;
}

}  // namespace

void AppendMetricDetails(std::string* out, const Record& metric) {
  constexpr std::array<std::string_view, 3> kTemporalities = {"Unspecified", "Delta", "Cumulative"};
  const Kind* const kind = KindOf(metric);
  Line(out, "Descriptor:");
  Line(out, "     -> Name: {}", metric.Text(field::kMetricName));
  Line(out, "     -> Description: {}", metric.Text(field::kMetricDescription));
  Line(out, "     -> Unit: {}", metric.Text(field::kMetricUnit));
  Line(out, "     -> DataType: {}", kind != nullptr ? kind->name : "Empty");
  AppendAttributes(out, "     -> Metadata", metric, field::kMetricMetadata, "     ");
  if (kind == nullptr) {
    return;
  }
  const Record data = metric.Child(kind->number);
  if (kind->number == field::kSum) {
    Line(out, "     -> IsMonotonic: {}", data.Number(field::kIsMonotonic) != 0);
  }
  if (kind->has_temporality) {
    const uint64_t temporality = data.Number(field::kTemporality);
    Line(out, "     -> AggregationTemporality: {}",
         temporality < kTemporalities.size() ? kTemporalities[temporality] : "");
  }
  const auto points = data.Children(field::kPoints);
  for (size_t i = 0; i < points.size(); ++i) {
    Line(out, "{} #{}", kind->points, i);
    AppendAttributes(out, "Data point attributes", points[i], kind->attributes);
    kind->append(out, points[i]);
  }
}

}  // namespace gapless::exporter::debug
