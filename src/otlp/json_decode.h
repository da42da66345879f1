// OTLP/JSON in: JSON text to the serialized request.
//
// As lenient as upstream's reader: lowerCamelCase and snake_case names, unknown keys ignored,
// integers and doubles as number or string, enumerations by number or name, ids in hex of any case,
// null as absent (in an array of messages or strings: an empty one), broken text as U+FFFD
// (wire/json_mend.h). Any thread; each thread keeps a parser (released after large texts).
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/schema.h"

namespace gapless::otlp {

// INVALID_ARGUMENT, with the path of the offending key, when the text is not JSON or not this
// message. RESOURCE_EXHAUSTED: more than two million values. The caller limits the size of the
// text; the result is at most three times as large, and not larger than a text in proper UTF-8.
Result<Rope> DecodeJson(const Rope& text, Signal signal);
Result<Rope> DecodeJson(const Rope& text, Message message);

}  // namespace gapless::otlp
