#include "otlp/schema.h"

#include <array>
#include <cstddef>

namespace gapless::otlp {
namespace {

constexpr FieldDef Scalar(uint8_t number, Kind kind, std::string_view json,
                          std::string_view snake = {}) {
  return {.number = number, .kind = kind, .json = json, .snake = snake};
}
constexpr FieldDef Optional(uint8_t number, Kind kind, std::string_view json,
                            Presence presence = Presence::kExplicit, std::string_view snake = {}) {
  return {.number = number, .kind = kind, .json = json, .snake = snake, .presence = presence};
}
constexpr FieldDef Repeated(uint8_t number, Kind kind, std::string_view json,
                            std::string_view snake) {
  return {.number = number, .kind = kind, .json = json, .snake = snake, .repeated = true};
}
constexpr FieldDef Enumeration(uint8_t number, Enum enumeration, std::string_view json,
                               std::string_view snake = {}) {
  return {.number = number,
          .kind = Kind::kEnum,
          .json = json,
          .snake = snake,
          .enumeration = enumeration};
}
constexpr FieldDef Single(uint8_t number, Message message, Presence presence, std::string_view json,
                          std::string_view snake = {}) {
  return {.number = number,
          .kind = Kind::kMessage,
          .json = json,
          .snake = snake,
          .message = message,
          .presence = presence};
}
constexpr FieldDef Many(uint8_t number, Message message, std::string_view json,
                        std::string_view snake = {}, Role role = Role::kNone) {
  return {.number = number,
          .kind = Kind::kMessage,
          .json = json,
          .snake = snake,
          .message = message,
          .repeated = true,
          .role = role};
}
constexpr FieldDef Attributes(uint8_t number) {
  return Many(number, Message::kKeyValue, "attributes");
}
constexpr FieldDef DroppedAttributes(uint8_t number) {
  return Scalar(number, Kind::kUint32, "droppedAttributesCount", "dropped_attributes_count");
}
constexpr FieldDef SchemaUrl(uint8_t number) {
  return Scalar(number, Kind::kString, "schemaUrl", "schema_url");
}
constexpr FieldDef Time(uint8_t number) {
  return Scalar(number, Kind::kFixed64, "timeUnixNano", "time_unix_nano");
}
constexpr FieldDef StartTime(uint8_t number) {
  return Scalar(number, Kind::kFixed64, "startTimeUnixNano", "start_time_unix_nano");
}
constexpr FieldDef TraceId(uint8_t number) {
  return Scalar(number, Kind::kTraceId, "traceId", "trace_id");
}
constexpr FieldDef SpanId(uint8_t number) {
  return Scalar(number, Kind::kSpanId, "spanId", "span_id");
}
constexpr FieldDef DataPoints(Message message) {
  return Many(1, message, "dataPoints", "data_points", Role::kItem);
}
constexpr FieldDef Temporality() {
  return Enumeration(2, Enum::kTemporality, "aggregationTemporality", "aggregation_temporality");
}

constexpr FieldDef kTracesRequest[] = {
    Many(1, Message::kResourceSpans, "resourceSpans", "resource_spans", Role::kResource)};
constexpr FieldDef kMetricsRequest[] = {
    Many(1, Message::kResourceMetrics, "resourceMetrics", "resource_metrics", Role::kResource)};
constexpr FieldDef kLogsRequest[] = {
    Many(1, Message::kResourceLogs, "resourceLogs", "resource_logs", Role::kResource)};

constexpr FieldDef kResourceSpans[] = {
    Single(1, Message::kResource, Presence::kAlways, "resource"),
    Many(2, Message::kScopeSpans, "scopeSpans", "scope_spans", Role::kScope), SchemaUrl(3)};
constexpr FieldDef kResourceMetrics[] = {
    Single(1, Message::kResource, Presence::kAlways, "resource"),
    Many(2, Message::kScopeMetrics, "scopeMetrics", "scope_metrics", Role::kScope), SchemaUrl(3)};
constexpr FieldDef kResourceLogs[] = {
    Single(1, Message::kResource, Presence::kAlways, "resource"),
    Many(2, Message::kScopeLogs, "scopeLogs", "scope_logs", Role::kScope), SchemaUrl(3)};

constexpr FieldDef kScopeSpans[] = {Single(1, Message::kScope, Presence::kAlways, "scope"),
                                    Many(2, Message::kSpan, "spans", {}, Role::kItem),
                                    SchemaUrl(3)};
constexpr FieldDef kScopeMetrics[] = {Single(1, Message::kScope, Presence::kAlways, "scope"),
                                      Many(2, Message::kMetric, "metrics", {}, Role::kMetric),
                                      SchemaUrl(3)};
constexpr FieldDef kScopeLogs[] = {
    Single(1, Message::kScope, Presence::kAlways, "scope"),
    Many(2, Message::kLogRecord, "logRecords", "log_records", Role::kItem), SchemaUrl(3)};

constexpr FieldDef kResource[] = {Attributes(1), DroppedAttributes(2),
                                  Many(3, Message::kEntityRef, "entityRefs", "entity_refs")};
constexpr FieldDef kEntityRef[] = {
    SchemaUrl(1), Scalar(2, Kind::kString, "type"), Repeated(3, Kind::kString, "idKeys", "id_keys"),
    Repeated(4, Kind::kString, "descriptionKeys", "description_keys")};
constexpr FieldDef kScope[] = {Scalar(1, Kind::kString, "name"),
                               Scalar(2, Kind::kString, "version"), Attributes(3),
                               DroppedAttributes(4)};
constexpr FieldDef kKeyValue[] = {Scalar(1, Kind::kString, "key"),
                                  Single(2, Message::kAnyValue, Presence::kAlways, "value"),
                                  Scalar(3, Kind::kInt32, "keyStrindex", "key_strindex")};
constexpr FieldDef kAnyValue[] = {
    Optional(1, Kind::kString, "stringValue", Presence::kOneof, "string_value"),
    Optional(2, Kind::kBool, "boolValue", Presence::kOneof, "bool_value"),
    Optional(3, Kind::kInt64, "intValue", Presence::kOneof, "int_value"),
    Optional(4, Kind::kDouble, "doubleValue", Presence::kOneof, "double_value"),
    Single(5, Message::kArrayValue, Presence::kOneof, "arrayValue", "array_value"),
    Single(6, Message::kKeyValueList, Presence::kOneof, "kvlistValue", "kvlist_value"),
    Optional(7, Kind::kBytes, "bytesValue", Presence::kOneof, "bytes_value"),
    Optional(8, Kind::kInt32, "stringValueStrindex", Presence::kOneof, "string_value_strindex")};
constexpr FieldDef kArrayValue[] = {Many(1, Message::kAnyValue, "values")};
constexpr FieldDef kKeyValueList[] = {Many(1, Message::kKeyValue, "values")};

constexpr FieldDef kSpan[] = {
    TraceId(1),
    SpanId(2),
    Scalar(3, Kind::kString, "traceState", "trace_state"),
    Scalar(4, Kind::kSpanId, "parentSpanId", "parent_span_id"),
    Scalar(16, Kind::kFixed32, "flags"),
    Scalar(5, Kind::kString, "name"),
    Enumeration(6, Enum::kSpanKind, "kind"),
    StartTime(7),
    Scalar(8, Kind::kFixed64, "endTimeUnixNano", "end_time_unix_nano"),
    Attributes(9),
    DroppedAttributes(10),
    Many(11, Message::kSpanEvent, "events"),
    Scalar(12, Kind::kUint32, "droppedEventsCount", "dropped_events_count"),
    Many(13, Message::kSpanLink, "links"),
    Scalar(14, Kind::kUint32, "droppedLinksCount", "dropped_links_count"),
    Single(15, Message::kSpanStatus, Presence::kAlways, "status")};
constexpr FieldDef kSpanEvent[] = {Time(1), Scalar(2, Kind::kString, "name"), Attributes(3),
                                   DroppedAttributes(4)};
constexpr FieldDef kSpanLink[] = {TraceId(1),
                                  SpanId(2),
                                  Scalar(3, Kind::kString, "traceState", "trace_state"),
                                  Attributes(4),
                                  DroppedAttributes(5),
                                  Scalar(6, Kind::kFixed32, "flags")};
constexpr FieldDef kSpanStatus[] = {Scalar(2, Kind::kString, "message"),
                                    Enumeration(3, Enum::kStatusCode, "code")};

constexpr FieldDef kMetric[] = {Scalar(1, Kind::kString, "name"),
                                Scalar(2, Kind::kString, "description"),
                                Scalar(3, Kind::kString, "unit"),
                                Single(5, Message::kGauge, Presence::kOneof, "gauge"),
                                Single(7, Message::kSum, Presence::kOneof, "sum"),
                                Single(9, Message::kHistogram, Presence::kOneof, "histogram"),
                                Single(10, Message::kExponentialHistogram, Presence::kOneof,
                                       "exponentialHistogram", "exponential_histogram"),
                                Single(11, Message::kSummary, Presence::kOneof, "summary"),
                                Many(12, Message::kKeyValue, "metadata")};
constexpr FieldDef kGauge[] = {DataPoints(Message::kNumberPoint)};
constexpr FieldDef kSum[] = {DataPoints(Message::kNumberPoint), Temporality(),
                             Scalar(3, Kind::kBool, "isMonotonic", "is_monotonic")};
constexpr FieldDef kHistogram[] = {DataPoints(Message::kHistogramPoint), Temporality()};
constexpr FieldDef kExponentialHistogram[] = {DataPoints(Message::kExponentialPoint),
                                              Temporality()};
constexpr FieldDef kSummary[] = {DataPoints(Message::kSummaryPoint)};
constexpr FieldDef kNumberPoint[] = {
    Attributes(7),
    StartTime(2),
    Time(3),
    Optional(4, Kind::kDouble, "asDouble", Presence::kOneof, "as_double"),
    Optional(6, Kind::kSfixed64, "asInt", Presence::kOneof, "as_int"),
    Many(5, Message::kExemplar, "exemplars"),
    Scalar(8, Kind::kUint32, "flags")};
constexpr FieldDef kHistogramPoint[] = {
    Attributes(9),
    StartTime(2),
    Time(3),
    Scalar(4, Kind::kFixed64, "count"),
    Optional(5, Kind::kDouble, "sum"),
    Repeated(6, Kind::kFixed64, "bucketCounts", "bucket_counts"),
    Repeated(7, Kind::kDouble, "explicitBounds", "explicit_bounds"),
    Many(8, Message::kExemplar, "exemplars"),
    Scalar(10, Kind::kUint32, "flags"),
    Optional(11, Kind::kDouble, "min"),
    Optional(12, Kind::kDouble, "max")};
constexpr FieldDef kExponentialPoint[] = {
    Attributes(1),
    StartTime(2),
    Time(3),
    Scalar(4, Kind::kFixed64, "count"),
    Optional(5, Kind::kDouble, "sum"),
    Scalar(6, Kind::kSint32, "scale"),
    Scalar(7, Kind::kFixed64, "zeroCount", "zero_count"),
    Single(8, Message::kBuckets, Presence::kAlways, "positive"),
    Single(9, Message::kBuckets, Presence::kAlways, "negative"),
    Scalar(10, Kind::kUint32, "flags"),
    Many(11, Message::kExemplar, "exemplars"),
    Optional(12, Kind::kDouble, "min"),
    Optional(13, Kind::kDouble, "max"),
    Scalar(14, Kind::kDouble, "zeroThreshold", "zero_threshold")};
constexpr FieldDef kBuckets[] = {Scalar(1, Kind::kSint32, "offset"),
                                 Repeated(2, Kind::kUint64, "bucketCounts", "bucket_counts")};
constexpr FieldDef kSummaryPoint[] = {
    Attributes(7),
    StartTime(2),
    Time(3),
    Scalar(4, Kind::kFixed64, "count"),
    Scalar(5, Kind::kDouble, "sum"),
    Many(6, Message::kQuantile, "quantileValues", "quantile_values"),
    Scalar(8, Kind::kUint32, "flags")};
constexpr FieldDef kQuantile[] = {Scalar(1, Kind::kDouble, "quantile"),
                                  Scalar(2, Kind::kDouble, "value")};
constexpr FieldDef kExemplar[] = {
    Many(7, Message::kKeyValue, "filteredAttributes", "filtered_attributes"),
    Time(2),
    Optional(3, Kind::kDouble, "asDouble", Presence::kOneof, "as_double"),
    Optional(6, Kind::kSfixed64, "asInt", Presence::kOneof, "as_int"),
    SpanId(4),
    TraceId(5)};

constexpr FieldDef kLogRecord[] = {
    Time(1),
    Scalar(11, Kind::kFixed64, "observedTimeUnixNano", "observed_time_unix_nano"),
    Enumeration(2, Enum::kSeverity, "severityNumber", "severity_number"),
    Scalar(3, Kind::kString, "severityText", "severity_text"),
    Single(5, Message::kAnyValue, Presence::kAlways, "body"),
    Attributes(6),
    DroppedAttributes(7),
    Scalar(8, Kind::kFixed32, "flags"),
    TraceId(9),
    SpanId(10),
    Scalar(12, Kind::kString, "eventName", "event_name")};

constexpr FieldDef kTracesResponse[] = {
    Single(1, Message::kTracesPartial, Presence::kAlways, "partialSuccess", "partial_success")};
constexpr FieldDef kMetricsResponse[] = {
    Single(1, Message::kMetricsPartial, Presence::kAlways, "partialSuccess", "partial_success")};
constexpr FieldDef kLogsResponse[] = {
    Single(1, Message::kLogsPartial, Presence::kAlways, "partialSuccess", "partial_success")};
constexpr FieldDef kTracesPartial[] = {Scalar(1, Kind::kInt64, "rejectedSpans", "rejected_spans"),
                                       Scalar(2, Kind::kString, "errorMessage", "error_message")};
constexpr FieldDef kMetricsPartial[] = {
    Scalar(1, Kind::kInt64, "rejectedDataPoints", "rejected_data_points"),
    Scalar(2, Kind::kString, "errorMessage", "error_message")};
constexpr FieldDef kLogsPartial[] = {
    Scalar(1, Kind::kInt64, "rejectedLogRecords", "rejected_log_records"),
    Scalar(2, Kind::kString, "errorMessage", "error_message")};

// In the order of enum Message.
constexpr std::array<std::span<const FieldDef>, static_cast<size_t>(Message::kCount)> kTables = {
    std::span<const FieldDef>(),
    kTracesRequest,
    kMetricsRequest,
    kLogsRequest,
    kResourceSpans,
    kResourceMetrics,
    kResourceLogs,
    kScopeSpans,
    kScopeMetrics,
    kScopeLogs,
    kResource,
    kEntityRef,
    kScope,
    kKeyValue,
    kAnyValue,
    kArrayValue,
    kKeyValueList,
    kSpan,
    kSpanEvent,
    kSpanLink,
    kSpanStatus,
    kMetric,
    kGauge,
    kSum,
    kHistogram,
    kExponentialHistogram,
    kSummary,
    kNumberPoint,
    kHistogramPoint,
    kExponentialPoint,
    kBuckets,
    kSummaryPoint,
    kQuantile,
    kExemplar,
    kLogRecord,
    kTracesResponse,
    kMetricsResponse,
    kLogsResponse,
    kTracesPartial,
    kMetricsPartial,
    kLogsPartial,
};

// Every message but kNone has fields, and their numbers fit.
constexpr bool TablesAreWhole() {
  for (size_t m = 1; m < kTables.size(); ++m) {
    for (const FieldDef& field : kTables[m]) {
      if (field.number == 0 || field.number >= kMaxFieldNumber) {
        return false;
      }
    }
    if (kTables[m].empty()) {
      return false;
    }
  }
  return true;
}
static_assert(TablesAreWhole());

using FieldIndex = std::array<std::array<const FieldDef*, kMaxFieldNumber>, kTables.size()>;

constexpr FieldIndex MakeIndex() {
  FieldIndex index = {};
  for (size_t m = 0; m < kTables.size(); ++m) {
    for (const FieldDef& field : kTables[m]) {
      index[m][field.number] = &field;
    }
  }
  return index;
}
constexpr FieldIndex kByNumber = MakeIndex();

constexpr EnumValue kSpanKinds[] = {{"SPAN_KIND_UNSPECIFIED", 0}, {"SPAN_KIND_INTERNAL", 1},
                                    {"SPAN_KIND_SERVER", 2},      {"SPAN_KIND_CLIENT", 3},
                                    {"SPAN_KIND_PRODUCER", 4},    {"SPAN_KIND_CONSUMER", 5}};
constexpr EnumValue kStatusCodes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}};
constexpr EnumValue kTemporalities[] = {{"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
                                        {"AGGREGATION_TEMPORALITY_DELTA", 1},
                                        {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2}};
constexpr EnumValue kSeverities[] = {
    {"SEVERITY_NUMBER_UNSPECIFIED", 0}, {"SEVERITY_NUMBER_TRACE", 1},
    {"SEVERITY_NUMBER_TRACE2", 2},      {"SEVERITY_NUMBER_TRACE3", 3},
    {"SEVERITY_NUMBER_TRACE4", 4},      {"SEVERITY_NUMBER_DEBUG", 5},
    {"SEVERITY_NUMBER_DEBUG2", 6},      {"SEVERITY_NUMBER_DEBUG3", 7},
    {"SEVERITY_NUMBER_DEBUG4", 8},      {"SEVERITY_NUMBER_INFO", 9},
    {"SEVERITY_NUMBER_INFO2", 10},      {"SEVERITY_NUMBER_INFO3", 11},
    {"SEVERITY_NUMBER_INFO4", 12},      {"SEVERITY_NUMBER_WARN", 13},
    {"SEVERITY_NUMBER_WARN2", 14},      {"SEVERITY_NUMBER_WARN3", 15},
    {"SEVERITY_NUMBER_WARN4", 16},      {"SEVERITY_NUMBER_ERROR", 17},
    {"SEVERITY_NUMBER_ERROR2", 18},     {"SEVERITY_NUMBER_ERROR3", 19},
    {"SEVERITY_NUMBER_ERROR4", 20},     {"SEVERITY_NUMBER_FATAL", 21},
    {"SEVERITY_NUMBER_FATAL2", 22},     {"SEVERITY_NUMBER_FATAL3", 23},
    {"SEVERITY_NUMBER_FATAL4", 24}};

}  // namespace

wire::WireType WireTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kTraceId:
    case Kind::kSpanId:
    case Kind::kMessage:
      return wire::WireType::kBytes;
    case Kind::kFixed32:
      return wire::WireType::kFixed32;
    case Kind::kFixed64:
    case Kind::kSfixed64:
    case Kind::kDouble:
      return wire::WireType::kFixed64;
    case Kind::kBool:
    case Kind::kInt32:
    case Kind::kUint32:
    case Kind::kSint32:
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kEnum:
      break;
  }
  return wire::WireType::kVarint;
}

std::span<const FieldDef> Fields(Message message) { return kTables[static_cast<size_t>(message)]; }

const FieldDef* FindField(Message message, uint32_t number) {
  return number < kMaxFieldNumber ? kByNumber[static_cast<size_t>(message)][number] : nullptr;
}

bool EnclosesItems(Message message) {
  switch (message) {
    case Message::kResourceSpans:
    case Message::kResourceMetrics:
    case Message::kResourceLogs:
    case Message::kScopeSpans:
    case Message::kScopeMetrics:
    case Message::kScopeLogs:
    case Message::kMetric:
    case Message::kGauge:
    case Message::kSum:
    case Message::kHistogram:
    case Message::kExponentialHistogram:
    case Message::kSummary:
      return true;
    default:
      return false;
  }
}

std::span<const EnumValue> EnumValues(Enum enumeration) {
  switch (enumeration) {
    case Enum::kNone:
      return {};
    case Enum::kSpanKind:
      return kSpanKinds;
    case Enum::kStatusCode:
      return kStatusCodes;
    case Enum::kTemporality:
      return kTemporalities;
    case Enum::kSeverity:
      return kSeverities;
  }
  return {};
}

Message RequestMessage(Signal signal) {
  return static_cast<Message>(static_cast<uint8_t>(Message::kTracesRequest) +
                              static_cast<uint8_t>(signal));
}

Message ResponseMessage(Signal signal) {
  return static_cast<Message>(static_cast<uint8_t>(Message::kTracesResponse) +
                              static_cast<uint8_t>(signal));
}

}  // namespace gapless::otlp
