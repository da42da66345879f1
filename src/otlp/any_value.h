// AnyValue: one attribute value or log body, read from its wire bytes and written as text.
//
// Views bytes that the caller keeps alive. Expects what Scan has accepted; where bytes are
// malformed reading stops and gives what came before. Pure; any thread.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::otlp {

// The field numbers of AnyValue (opentelemetry/proto/common/v1/common.proto).
enum class ValueType : uint8_t {
  kEmpty = 0,
  kString = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kArray = 5,
  kMap = 6,
  kBytes = 7,
};
// "Empty", "Str", "Bool", …: as pdata calls them.
std::string_view ToString(ValueType type);

struct AnyValue {
  ValueType type = ValueType::kEmpty;
  uint64_t bits = 0;  // kBool, kInt, kDouble
  ByteSpan bytes;     // kString, kBytes; kArray and kMap: the serialized list

  std::string_view text() const { return AsText(bytes); }
  bool as_bool() const { return bits != 0; }
  int64_t as_int() const { return static_cast<int64_t>(bits); }
  double as_double() const;
};

// `message`: the serialized AnyValue. Of several members the last one counts.
AnyValue ReadValue(ByteSpan message);

struct KeyValue {
  std::string_view key;
  ByteSpan value;  // a serialized AnyValue; empty if it has none
};
KeyValue ReadKeyValue(ByteSpan message);

// As pdata's AsString: strings bare, maps and lists as JSON with sorted keys, bytes in base64,
// numbers as JavaScript writes them, nothing for an empty value.
std::string ValueText(const AnyValue& value);
inline std::string ValueText(ByteSpan message) { return ValueText(ReadValue(message)); }

// Serialized AnyValues.
std::string StringValue(std::string_view text);
std::string BoolValue(bool value);
std::string IntValue(int64_t value);
std::string DoubleValue(double value);

}  // namespace gapless::otlp
