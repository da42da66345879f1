// OTLP/JSON out: the serialized request as one JSON object on one line.
//
// Source: OTLP specification "JSON Protobuf Encoding"; what upstream's writer does where that
// leaves room (zero values omitted, `resource`, `scope`, `status`, `body` always written). Pure;
// any thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/schema.h"

#include <string>

namespace gapless::otlp {

// Appends to `out`, without newline. Unknown fields have no JSON and are left out. INVALID_ARGUMENT
// when malformed or nested too deeply (a scanned request is neither); `out` then ends with part of
// the object.
Status EncodeJson(const Rope& request, Signal signal, std::string* out);
Status EncodeJson(ByteSpan bytes, Message message, std::string* out);

}  // namespace gapless::otlp
