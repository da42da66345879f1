// Text of log lines: JSON values, fields, timestamps. Private to the room; pure.
#pragma once

#include "telemetry/log_core.h"

#include <span>
#include <string>
#include <string_view>

namespace gapless::telemetry::internal {

// zap writes the fields of a console line with spaces and those of a JSON line without.
enum class Spacing : uint8_t { kSpaced, kCompact };

// `text` between quotes. Bytes that are not UTF-8 become U+FFFD, so that a line is always valid
// JSON.
void AppendJsonString(std::string* out, std::string_view text);
// `, "key": value` for each field; the separator is left out when *out is empty.
void AppendFields(std::string* out, std::span<const LogField> fields, Spacing spacing);
// The same for initial_fields and the resource.
std::string FixedFields(const LogOptions& options, Spacing spacing);

// 2025-04-17T10:40:44.559+0200 in the local zone; Z in place of an offset of zero.
std::string FormatTime(WallTime time);
// The last folder and the file: "otlp/receiver.cc:57".
std::string FormatCaller(const std::source_location& where);

// Joins two runs of fields.
void AppendRun(std::string* out, std::string_view run, Spacing spacing);

// A whole line with its '\n'. `fixed` is FixedFields of the options in the spacing of their
// encoding.
void AppendLine(std::string* out, const LogOptions& options, std::string_view fixed,
                const LogCore::Record& record);

}  // namespace gapless::telemetry::internal
