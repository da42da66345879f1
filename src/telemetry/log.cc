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

void Sampled::Log(const Logger& logger, LogLevel level, TimePoint now, std::string_view message,
                  LogFields fields, std::source_location where) {
  if (!started_ || now - interval_start_ >= interval_) {
    started_ = true;
    interval_start_ = now;
    written_ = 0;
  }
  if (written_ >= burst_) {
    ++suppressed_;
    return;
  }
  ++written_;
  if (suppressed_ == 0) {
    logger.Log(level, message, {fields.begin(), fields.size()}, where);
    return;
  }
  std::vector<LogField> with_count(fields);
  with_count.emplace_back("suppressed", TakeSuppressed());
  logger.Log(level, message, with_count, where);
}

uint64_t Sampled::TakeSuppressed() { return std::exchange(suppressed_, 0); }

std::string FormatDuration(Duration duration) {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const auto count = static_cast<uint64_t>(duration.count());
  const std::string sign = duration.count() < 0 ? "-" : "";
  // Negation in unsigned arithmetic: the least Duration has no positive twin.
  const uint64_t nanoseconds = duration.count() < 0 ? 0 - count : count;
  const auto decimal = [](uint64_t value, uint64_t unit) {
    std::string text = fmt::format("{}", value / unit);
    if (value % unit != 0) {
      std::string digits = fmt::format("{}", unit + value % unit);
      digits.erase(digits.find_last_not_of('0') + 1);
      text += "." + digits.substr(1);
    }
    return text;
  };
  if (nanoseconds == 0) {
    return "0s";
  }
  if (nanoseconds < 1'000) {
    return fmt::format("{}{}ns", sign, nanoseconds);
  }
  if (nanoseconds < 1'000'000) {
    return sign + decimal(nanoseconds, 1'000) + "µs";
  }
  constexpr uint64_t kSecond = 1'000'000'000;
  if (nanoseconds < kSecond) {
    return sign + decimal(nanoseconds, 1'000'000) + "ms";
  }
  const uint64_t minutes = nanoseconds / (60 * kSecond);
  std::string text = sign;
  if (minutes >= 60) {
    text += fmt::format("{}h", minutes / 60);
  }
  if (minutes > 0) {
    text += fmt::format("{}m", minutes % 60);
  }
  return text + decimal(nanoseconds % (60 * kSecond), kSecond) + "s";
}

}  // namespace gapless::telemetry
