// The OTLP messages as data: one table drives the validating scan and both directions of JSON.
//
// Source: opentelemetry-proto 1.10 (trace, metrics, logs, common, resource, collector services).
// Fields stand in the order in which JSON is written. Constant after static initialisation; any
// thread.
#pragma once

#include "otlp/signal.h"
#include "wire/proto.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace gapless::otlp {

enum class Message : uint8_t {
  kNone,
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
  kCount,
};

enum class Kind : uint8_t {
  kString,
  kBytes,
  kTraceId,  // bytes: none or 16; hex in JSON
  kSpanId,   // bytes: none or 8; hex in JSON
  kBool,
  kInt32,
  kUint32,
  kSint32,
  kFixed32,
  kInt64,
  kUint64,
  kFixed64,
  kSfixed64,
  kDouble,
  kEnum,
  kMessage,
};

// How one value of this kind stands on the wire.
wire::WireType WireTypeOf(Kind kind);

// When a singular field appears in JSON.
enum class Presence : uint8_t {
  kImplicit,  // unless zero or empty
  kExplicit,  // whenever it is on the wire (proto3 `optional`, members of a oneof)
  kOneof,     // explicit, and the last member on the wire wins
  kAlways,    // an embedded message, written as {} even when absent
};

enum class Enum : uint8_t { kNone, kSpanKind, kStatusCode, kTemporality, kSeverity };

// What a field's occurrences are, for counting.
enum class Role : uint8_t { kNone, kResource, kScope, kMetric, kItem };

struct FieldDef {
  uint8_t number = 0;
  Kind kind = Kind::kString;
  std::string_view json;   // lowerCamelCase
  std::string_view snake;  // also accepted by the reader; empty: the same as json
  Message message = Message::kNone;
  Presence presence = Presence::kImplicit;
  bool repeated = false;
  Enum enumeration = Enum::kNone;
  Role role = Role::kNone;
};

// Field numbers in all tables are below this.
inline constexpr uint32_t kMaxFieldNumber = 32;

std::span<const FieldDef> Fields(Message message);
// Null if the message has no such field.
const FieldDef* FindField(Message message, uint32_t number);

// True for the messages around items: resource, scope, metric and its data, not the request itself.
bool EnclosesItems(Message message);

struct EnumValue {
  std::string_view name;
  int32_t number = 0;
};
std::span<const EnumValue> EnumValues(Enum enumeration);

Message RequestMessage(Signal signal);
Message ResponseMessage(Signal signal);

}  // namespace gapless::otlp
