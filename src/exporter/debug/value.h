// Attribute values, numbers and times as upstream's debug exporter writes them (Go's fmt and
// pdata's AsString).
#pragma once

#include "exporter/debug/record.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::exporter::debug {

// An AnyValue as text: strings bare, maps and lists as JSON with sorted keys, bytes in base64.
std::string ValueText(const Record& value);
// "Str(x)", "Int(1)", "Map({…})", "Empty()".
std::string TypedValueText(const Record& value);

// Keys with their values, from the KeyValue field `number`.
std::vector<std::pair<std::string_view, Record>> AttributesOf(const Record& record,
                                                              uint32_t number);

// Go's %v: shortest digits, an exponent below 1e-4 and from 1e21 on.
std::string ShortDouble(double value);
// Go's %f.
std::string FixedDouble(double value);
// "2020-02-11 20:26:12.000000321 +0000 UTC" from nanoseconds since 1970.
std::string TimeText(uint64_t unix_nanoseconds);

}  // namespace gapless::exporter::debug
