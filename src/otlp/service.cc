#include "otlp/service.h"

#include "otlp/json_decode.h"
#include "otlp/schema.h"
#include "otlp/status_map.h"
#include "wire/json_writer.h"
#include "wire/proto.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace gapless::otlp {
namespace {

using std::chrono::seconds;
using wire::Field;
using wire::FieldReader;
using wire::WireType;

constexpr std::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";
constexpr std::string_view kRetryInfoName = "/google.rpc.RetryInfo";
constexpr int64_t kNanos = 1'000'000'000;
constexpr int64_t kMaxSeconds = int64_t{365} * 24 * 3600;

// google.protobuf.Duration: seconds 1, nanos 2. Brought into 0 .. 365 days.
std::optional<Duration> DecodeDuration(ByteSpan bytes) {
  FieldReader reader(bytes);
  int64_t whole = 0;
  int64_t nanos = 0;
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kVarint)) {
      whole = field.as_int64();
    } else if (field.is(2, WireType::kVarint)) {
      nanos = field.as_int64();
    }
  }
  if (!reader.ok()) {
    return std::nullopt;
  }
  return Duration(std::clamp<int64_t>(whole, 0, kMaxSeconds) * kNanos +
                  std::clamp<int64_t>(nanos, 0, kNanos - 1));
}

// google.rpc.RetryInfo: retry_delay 1.
std::optional<Duration> DecodeRetryInfo(ByteSpan bytes) {
  FieldReader reader(bytes);
  std::optional<Duration> delay = Duration(0);
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      delay = DecodeDuration(field.bytes);
    }
  }
  return reader.ok() ? delay : std::nullopt;
}

// google.protobuf.Any: type_url 1, value 2. A detail of another type, or a broken one, has no
// delay.
std::optional<Duration> DecodeDetail(ByteSpan bytes) {
  FieldReader reader(bytes);
  std::string_view url;
  ByteSpan value;
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      url = field.text();
    } else if (field.is(2, WireType::kBytes)) {
      value = field.bytes;
    }
  }
  return reader.ok() && url.ends_with(kRetryInfoName) ? DecodeRetryInfo(value) : std::nullopt;
}

void AppendRetryInfo(Duration delay, wire::Writer& writer) {
  const size_t any = writer.Begin(3);
  writer.Bytes(1, kRetryInfoUrl);
  const size_t info = writer.Begin(2);
  const size_t duration = writer.Begin(1);
  if (delay >= seconds(1)) {
    writer.Int64(1, delay.count() / kNanos);
  }
  if (delay.count() % kNanos > 0) {
    writer.Int64(2, delay.count() % kNanos);
  }
  writer.End(duration);
  writer.End(info);
  writer.End(any);
}

// google.protobuf.Duration as protojson: "1s", "1.500s", "0.000000001s".
std::string DurationText(Duration delay) {
  const int64_t nanos = std::max<int64_t>(delay.count(), 0) % kNanos;
  const int64_t whole = std::max<int64_t>(delay.count(), 0) / kNanos;
  if (nanos == 0) {
    return fmt::format("{}s", whole);
  }
  if (nanos % 1'000'000 == 0) {
    return fmt::format("{}.{:03}s", whole, nanos / 1'000'000);
  }
  if (nanos % 1000 == 0) {
    return fmt::format("{}.{:06}s", whole, nanos / 1000);
  }
  return fmt::format("{}.{:09}s", whole, nanos);
}

Result<PartialSuccess> DecodePartial(ByteSpan bytes) {
  PartialSuccess partial;
  FieldReader reader(bytes);
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kVarint)) {
      partial.rejected_items = field.as_int64();
    } else if (field.is(2, WireType::kBytes)) {
      partial.message = field.text();
    }
  }
  RETURN_IF_ERROR(reader.status());
  return partial;
}

}  // namespace

std::string EncodeResponse(const PartialSuccess& partial) {
  std::string out;
  wire::Writer writer(&out);
  const size_t mark = writer.Begin(1);
  if (partial.rejected_items != 0) {
    writer.Int64(1, partial.rejected_items);
  }
  if (!partial.message.empty()) {
    writer.Bytes(2, partial.message);
  }
  writer.End(mark);
  return out;
}

std::string ResponseJson(Signal signal, const PartialSuccess& partial) {
  const FieldDef& response = Fields(ResponseMessage(signal)).front();
  const auto fields = Fields(response.message);
  std::string out;
  wire::JsonWriter json(&out);
  json.BeginObject();
  json.Key(response.json);
  json.BeginObject();
  if (partial.rejected_items != 0) {
    json.Key(fields[0].json);
    json.QuotedInt(partial.rejected_items);
  }
  if (!partial.message.empty()) {
    json.Key(fields[1].json);
    json.String(partial.message);
  }
  json.EndObject();
  json.EndObject();
  return out;
}

Result<PartialSuccess> DecodeResponse(const Rope& body) {
  if (body.size() > kMaxResponseSize) {
    return InvalidArgument(fmt::format("export response of {} bytes is above the limit of {}",
                                       body.size(), kMaxResponseSize));
  }
  PartialSuccess partial;
  const Slice flat = body.Flatten();
  FieldReader reader(flat.span());
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      ASSIGN_OR_RETURN(partial, DecodePartial(field.bytes));
    }
  }
  RETURN_IF_ERROR(reader.status());
  return partial;
}

Result<PartialSuccess> DecodeResponseJson(const Rope& body, Signal signal) {
  if (body.size() > kMaxResponseSize) {
    return InvalidArgument(fmt::format("export response of {} bytes is above the limit of {}",
                                       body.size(), kMaxResponseSize));
  }
  if (body.empty()) {
    return PartialSuccess();
  }
  ASSIGN_OR_RETURN(const Rope bytes, DecodeJson(body, ResponseMessage(signal)));
  return DecodeResponse(bytes);
}

std::string EncodeStatus(const Status& status) {
  std::string out;
  wire::Writer writer(&out);
  writer.Varint(1, static_cast<uint64_t>(status.code()));
  if (!status.message().empty()) {
    writer.Bytes(2, status.message());
  }
  if (const auto delay = status.retry_after()) {
    AppendRetryInfo(*delay, writer);
  }
  return out;
}

std::string StatusJson(const Status& status) {
  std::string out;
  wire::JsonWriter json(&out);
  json.BeginObject();
  json.Key("code");
  json.Uint(static_cast<uint64_t>(status.code()));
  json.Key("message");
  json.String(status.message());
  if (const auto delay = status.retry_after()) {
    json.Key("details");
    json.BeginArray();
    json.BeginObject();
    json.Key("@type");
    json.String(kRetryInfoUrl);
    json.Key("retryDelay");
    json.String(DurationText(*delay));
    json.EndObject();
    json.EndArray();
  }
  json.EndObject();
  return out;
}

std::optional<Status> DecodeStatus(ByteSpan bytes) {
  FieldReader reader(bytes);
  Code code = Code::kOk;
  std::string message;
  std::optional<Duration> delay;
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kVarint)) {
      code = CodeForGrpc(field.value);
    } else if (field.is(2, WireType::kBytes)) {
      message = field.text();
    } else if (field.is(3, WireType::kBytes)) {
      delay = delay ? delay : DecodeDetail(field.bytes);
    }
  }
  if (!reader.ok()) {
    return std::nullopt;
  }
  Status status = Status(code == Code::kOk ? Code::kUnknown : code, std::move(message)).FromPeer();
  if (delay && (status.retryable() || code == Code::kResourceExhausted)) {
    status = status.WithRetryAfter(*delay);
  }
  return status;
}

}  // namespace gapless::otlp
