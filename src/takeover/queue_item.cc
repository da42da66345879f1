#include "takeover/queue_item.h"

#include "net/http/http.h"
#include "otlp/any_value.h"
#include "otlp/scan.h"
#include "wire/proto.h"

#include <algorithm>
#include <utility>

namespace gapless::takeover {
namespace {

// Field 1 as fixed32 with the value 1. OTLP data begins with a length-delimited field.
constexpr std::string_view kWrapped("\x0d\x01\x00\x00\x00", 5);
constexpr uint32_t kContext = 2;
constexpr uint32_t kData = 3;
constexpr uint32_t kMetadata = 2;  // of the context

void AddMetadata(ByteSpan key_value, otlp::Metadata& metadata) {
  const otlp::KeyValue pair = otlp::ReadKeyValue(key_value);
  std::string name(pair.key);
  net::AsciiLower(name);
  const otlp::AnyValue value = otlp::ReadValue(pair.value);
  if (value.type != otlp::ValueType::kArray) {
    metadata.emplace_back(std::move(name), value.text());
    return;
  }
  wire::FieldReader values(value.bytes);
  for (wire::Field field; values.Next(&field);) {
    if (field.is(1, wire::WireType::kBytes)) {
      metadata.emplace_back(name, otlp::ReadValue(field.bytes).text());
    }
  }
}

std::shared_ptr<const otlp::Metadata> MetadataOf(ByteSpan context) {
  otlp::Metadata metadata;
  wire::FieldReader fields(context);
  for (wire::Field field; fields.Next(&field);) {
    if (field.is(kMetadata, wire::WireType::kBytes)) {
      AddMetadata(field.bytes, metadata);
    }
  }
  std::ranges::stable_sort(metadata, {}, &std::pair<std::string, std::string>::first);
  return metadata.empty() ? nullptr : std::make_shared<const otlp::Metadata>(std::move(metadata));
}

}  // namespace

Result<otlp::Batch> DecodeQueueItem(Slice value, otlp::Signal signal) {
  otlp::Batch batch;
  batch.signal = signal;
  if (AsText(value.span()).starts_with(kWrapped)) {
    ByteSpan data;
    wire::FieldReader fields(value.span());
    for (wire::Field field; fields.Next(&field);) {
      if (field.is(kContext, wire::WireType::kBytes)) {
        batch.metadata = MetadataOf(field.bytes);
      } else if (field.is(kData, wire::WireType::kBytes)) {
        data = field.bytes;
      }
    }
    RETURN_IF_ERROR(fields.status());
    batch.body =
        Rope(value.Sub(static_cast<size_t>(data.data() - value.span().data()), data.size()));
  } else {
    batch.body = Rope(std::move(value));
  }
  ASSIGN_OR_RETURN(const otlp::ScanResult scan, otlp::Scan(batch.body, signal));
  batch.items = static_cast<uint32_t>(scan.items);
  batch.raw_size = batch.body.size();
  batch.lanes = scan.lanes;
  return batch;
}

}  // namespace gapless::takeover
