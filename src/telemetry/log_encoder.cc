#include "telemetry/log_encoder.h"

#include "base/duration_text.h"
#include "fmt/format.h"

#include <cmath>
#include <ctime>
#include <iterator>
#include <type_traits>

namespace gapless::telemetry::internal {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629).
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    low = first == 0xe0 ? 0xa0 : low;    // shorter forms exist
    high = first == 0xed ? 0x9f : high;  // surrogates
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    low = first == 0xf0 ? 0x90 : low;
    high = first == 0xf4 ? 0x8f : high;  // above U+10FFFF
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) {
    return 0;
  }
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) {
      return 0;
    }
  }
  return length;
}

void AppendControl(std::string* out, char c) {
  switch (c) {
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

void AppendDouble(std::string* out, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(*out), "{}", value);
  } else {
    // JSON has no word for these; zap quotes them.
    *out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"+Inf\"" : "\"-Inf\"";
  }
}

void AppendValue(std::string* out, const LogField::Value& value) {
  std::visit(
      [out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          AppendJsonString(out, v);
        } else if constexpr (std::is_same_v<T, Duration>) {
          AppendJsonString(out, FormatDuration(v));
        } else if constexpr (std::is_same_v<T, Status>) {
          AppendJsonString(out, v.ToString());
        } else if constexpr (std::is_same_v<T, bool>) {
          *out += v ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          AppendDouble(out, v);
        } else {
          fmt::format_to(std::back_inserter(*out), "{}", v);
        }
      },
      value);
}

void AppendKey(std::string* out, std::string_view key, Spacing spacing) {
  AppendJsonString(out, key);
  *out += spacing == Spacing::kSpaced ? ": " : ":";
}

void AppendSeparator(std::string* out, Spacing spacing) {
  *out += spacing == Spacing::kSpaced ? ", " : ",";
}

void AppendConsole(std::string* out, const LogOptions& options, std::string_view fixed,
                   const LogCore::Record& record) {
  if (!options.message_only) {
    *out += FormatTime(record.time);
    *out += '\t';
    *out += LogLevelName(record.level);
    *out += '\t';
    if (!options.disable_caller) {
      *out += FormatCaller(record.where);
      *out += '\t';
    }
  }
  *out += record.message;
  std::string fields(fixed);
  AppendRun(&fields, record.spaced_context, Spacing::kSpaced);
  AppendFields(&fields, record.fields, Spacing::kSpaced);
  if (!fields.empty()) {
    *out += "\t{";
    *out += fields;
    *out += '}';
  }
  *out += '\n';
}

void AppendJson(std::string* out, const LogOptions& options, std::string_view fixed,
                const LogCore::Record& record) {
  *out += "{\"level\":\"";
  *out += LogLevelName(record.level);
  *out += "\",\"ts\":\"";
  *out += FormatTime(record.time);
  if (!options.disable_caller) {
    *out += "\",\"caller\":";
    AppendJsonString(out, FormatCaller(record.where));
    *out += ",\"msg\":";
  } else {
    *out += "\",\"msg\":";
  }
  AppendJsonString(out, record.message);
  AppendRun(out, fixed, Spacing::kCompact);
  AppendRun(out, record.compact_context, Spacing::kCompact);
  AppendFields(out, record.fields, Spacing::kCompact);
  *out += "}\n";
}

}  // namespace

void AppendJsonString(std::string* out, std::string_view text) {
  *out += '"';
  while (!text.empty()) {
    const char c = text.front();
    size_t length = 1;
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      AppendControl(out, c);
    } else if (static_cast<unsigned char>(c) < 0x80) {
      *out += c;
    } else if (length = Utf8Length(text); length > 0) {
      *out += text.substr(0, length);
    } else {
      length = 1;
      *out += "\\ufffd";
    }
    text.remove_prefix(length);
  }
  *out += '"';
}

void AppendFields(std::string* out, std::span<const LogField> fields, Spacing spacing) {
  for (const LogField& field : fields) {
    if (!out->empty()) {
      AppendSeparator(out, spacing);
    }
    AppendKey(out, field.key, spacing);
    AppendValue(out, field.value);
  }
}

void AppendRun(std::string* out, std::string_view run, Spacing spacing) {
  if (!run.empty()) {
    if (!out->empty()) {
      AppendSeparator(out, spacing);
    }
    *out += run;
  }
}

std::string FixedFields(const LogOptions& options, Spacing spacing) {
  std::string out;
  for (const LogInitialField& field : options.initial_fields) {
    const LogField::Value value = std::visit(
        [](const auto& v) -> LogField::Value {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
            return std::string_view(v);
          } else {
            return v;
          }
        },
        field.value);
    LogField borrowed(field.key, std::string_view());
    borrowed.value = value;
    AppendFields(&out, {&borrowed, 1}, spacing);
  }
  if (!options.resource.empty()) {
    std::string attributes;
    for (const auto& [key, value] : options.resource) {
      const LogField field(key, value);
      AppendFields(&attributes, {&field, 1}, spacing);
    }
    std::string resource;
    AppendKey(&resource, "resource", spacing);
    AppendRun(&out, resource + "{" + attributes + "}", spacing);
  }
  return out;
}

std::string FormatTime(WallTime time) {
  using std::chrono::floor;
  const auto seconds = floor<std::chrono::seconds>(time.time_since_epoch());
  const auto milliseconds = floor<std::chrono::milliseconds>(time.time_since_epoch()) - seconds;
  const std::time_t unix_seconds = seconds.count();
  std::tm local = {};
  localtime_r(&unix_seconds, &local);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}", local.tm_year + 1900,
                                 local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min,
                                 local.tm_sec, milliseconds.count());
  if (local.tm_gmtoff == 0) {
    return text + "Z";
  }
  const long minutes = std::abs(local.tm_gmtoff) / 60;
  return text +
         fmt::format("{}{:02}{:02}", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::string FormatCaller(const std::source_location& where) {
  std::string_view path = where.file_name();
  const size_t file = path.rfind('/');
  if (file != std::string_view::npos && file > 0) {
    const size_t folder = path.rfind('/', file - 1);
    path.remove_prefix(folder == std::string_view::npos ? 0 : folder + 1);
  }
  return fmt::format("{}:{}", path, where.line());
}

void AppendLine(std::string* out, const LogOptions& options, std::string_view fixed,
                const LogCore::Record& record) {
  switch (options.encoding) {
    case LogOptions::Encoding::kConsole:
      AppendConsole(out, options, fixed, record);
      return;
    case LogOptions::Encoding::kJson:
      AppendJson(out, options, fixed, record);
      return;
  }
}

}  // namespace gapless::telemetry::internal
