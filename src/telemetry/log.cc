#include "telemetry/log.h"

#include "fmt/format.h"
#include "telemetry/log_core.h"
#include "telemetry/log_encoder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <vector>

namespace gapless::telemetry {
namespace {

constexpr Duration kLongestInterval = std::chrono::minutes(10);

}  // namespace

using internal::AppendFields;
using internal::Spacing;

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kFatal:
      return "fatal";
  }
  return "";
}

bool ParseLogLevel(std::string_view text, LogLevel* out) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"debug", LogLevel::kDebug},  {"info", LogLevel::kInfo},   {"warn", LogLevel::kWarn},
      {"warning", LogLevel::kWarn}, {"error", LogLevel::kError}, {"dpanic", LogLevel::kFatal},
      {"panic", LogLevel::kFatal},  {"fatal", LogLevel::kFatal}};
  for (const auto& [name, level] : kLevels) {
    if (std::equal(name.begin(), name.end(), text.begin(), text.end(), [](char a, char b) {
          return a == std::tolower(static_cast<unsigned char>(b));
        })) {
      *out = level;
      return true;
    }
  }
  return false;
}

bool Logger::Enabled(LogLevel level) const { return core_ && core_->Enabled(level); }

void Logger::Log(LogLevel level, std::string_view message, std::span<const LogField> fields,
                 std::source_location where) const {
  if (!Enabled(level)) {
    return;
  }
  LogCore::Record record{.level = level, .message = message, .where = where, .fields = fields};
  if (context_) {
    record.spaced_context = context_->spaced;
    record.compact_context = context_->compact;
    record.sampled = context_->sampled;
  }
  core_->Write(record);
}

Logger Logger::With(LogFields fields) const {
  Logger child(*this);
  auto context = context_ ? std::make_shared<Context>(*context_) : std::make_shared<Context>();
  AppendFields(&context->spaced, {fields.begin(), fields.size()}, Spacing::kSpaced);
  AppendFields(&context->compact, {fields.begin(), fields.size()}, Spacing::kCompact);
  child.context_ = std::move(context);
  return child;
}

Logger Logger::Unsampled() const {
  Logger child(*this);
  auto context = context_ ? std::make_shared<Context>(*context_) : std::make_shared<Context>();
  context->sampled = false;
  child.context_ = std::move(context);
  return child;
}

Sampled::Line& Sampled::Find(std::string_view message, TimePoint now) {
  const auto it = std::ranges::find(lines_, message, &Line::message);
  if (it != lines_.end()) {
    return *it;
  }
  return lines_.emplace_back(Line{.message = std::string(message),
                                  .interval = first_interval_,
                                  .interval_start = now,
                                  .last = now});
}

void Sampled::Log(const Logger& logger, LogLevel level, TimePoint now, std::string_view message,
                  LogFields fields, std::source_location where) {
  Line& line = Find(message, now);
  const bool anew = now - line.last >= 2 * first_interval_;
  if (anew || now - line.interval_start >= line.interval) {
    line.interval = anew ? first_interval_
                         : std::min(2 * line.interval, std::max(kLongestInterval, first_interval_));
    line.interval_start = now;
    line.written = 0;
  }
  line.last = now;
  if (line.written >= burst_) {
    ++line.suppressed;
    return;
  }
  ++line.written;
  const uint64_t suppressed = std::exchange(line.suppressed, 0);
  if (suppressed == 0) {
    logger.Log(level, message, {fields.begin(), fields.size()}, where);
    return;
  }
  std::vector<LogField> with_count(fields);
  with_count.emplace_back("suppressed", suppressed);
  logger.Log(level, message, with_count, where);
}

}  // namespace gapless::telemetry
