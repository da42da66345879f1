// Pieces of the detailed text, one file per signal. Private to the component.
#pragma once

#include "exporter/debug/record.h"

#include <string>
#include <string_view>

namespace gapless::exporter::debug {

// The header and "     -> key: Type(value)" lines, further in by `indent`; nothing without
// attributes.
void AppendAttributes(std::string* out, std::string_view header, const Record& record,
                      uint32_t number, std::string_view indent = "");

void AppendSpanDetails(std::string* out, const Record& span);
void AppendMetricDetails(std::string* out, const Record& metric);
void AppendLogDetails(std::string* out, const Record& log);

}  // namespace gapless::exporter::debug
