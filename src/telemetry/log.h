// The log front: Logger (what components hold), Sampled (a brake for repeated lines), LogField.
//
// A Logger is two shared pointers: pass it by const reference, keep a copy. Any thread. Lines that
// are below the level cost one relaxed load. Formats and fields are the Collector's (zap): see
// log_core.h.
//
//   log.Info("Starting GRPC server", {{"endpoint", "localhost:4317"}});
#pragma once

#include "base/loop.h"
#include "base/status.h"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gapless::telemetry {

// kFatal is a threshold (logs.level dpanic, panic, fatal); nothing is logged with it.
enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError, kFatal };

std::string_view LogLevelName(LogLevel level);
// Upstream's names in any case; false if `text` is none of them.
bool ParseLogLevel(std::string_view text, LogLevel* out);

// A key and a value, borrowed for the duration of the call. A Duration prints as Go prints it
// ("1m30s"), a Status as its text.
class LogField {
 public:
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool, Duration, Status>;

  LogField(std::string_view field_key, std::string_view v) : key(field_key), value(v) {}
  LogField(std::string_view field_key, const char* v)
      : key(field_key), value(std::string_view(v)) {}
  LogField(std::string_view field_key, const std::string& v)
      : key(field_key), value(std::string_view(v)) {}
  LogField(std::string_view field_key, bool v) : key(field_key), value(v) {}
  LogField(std::string_view field_key, double v) : key(field_key), value(v) {}
  LogField(std::string_view field_key, Status v) : key(field_key), value(std::move(v)) {}
  template <std::signed_integral T>
  LogField(std::string_view field_key, T v) : key(field_key), value(static_cast<int64_t>(v)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view field_key, T v) : key(field_key), value(static_cast<uint64_t>(v)) {}
  template <typename Rep, typename Period>
  LogField(std::string_view field_key, std::chrono::duration<Rep, Period> v)
      : key(field_key), value(std::chrono::duration_cast<Duration>(v)) {}

  std::string_view key;
  Value value;
};

using LogFields = std::initializer_list<LogField>;

class LogCore;

class Logger {
 public:
  // Swallows everything.
  Logger() = default;
  explicit Logger(std::shared_ptr<LogCore> core) : core_(std::move(core)) {}

  void Debug(std::string_view message, LogFields fields = {},
             std::source_location where = std::source_location::current()) const {
    Log(LogLevel::kDebug, message, {fields.begin(), fields.size()}, where);
  }
  void Info(std::string_view message, LogFields fields = {},
            std::source_location where = std::source_location::current()) const {
    Log(LogLevel::kInfo, message, {fields.begin(), fields.size()}, where);
  }
  void Warn(std::string_view message, LogFields fields = {},
            std::source_location where = std::source_location::current()) const {
    Log(LogLevel::kWarn, message, {fields.begin(), fields.size()}, where);
  }
  void Error(std::string_view message, LogFields fields = {},
             std::source_location where = std::source_location::current()) const {
    Log(LogLevel::kError, message, {fields.begin(), fields.size()}, where);
  }
  void Log(LogLevel level, std::string_view message, std::span<const LogField> fields,
           std::source_location where = std::source_location::current()) const;

  bool Enabled(LogLevel level) const;

  // A logger whose every line carries these fields after the ones it has already.
  Logger With(LogFields fields) const;
  // A logger that the sampling by message text does not touch: for lines of which each one matters.
  Logger Unsampled() const;

 private:
  struct Context {
    std::string spaced;   // "a": 1, "b": 2
    std::string compact;  // "a":1,"b":2
    bool sampled = true;
  };
  std::shared_ptr<LogCore> core_;
  std::shared_ptr<const Context> context_;
};

// A brake for lines that a lasting trouble repeats. Of each message `burst` lines per interval
// pass; the rest are counted, and the first line of a later interval carries the count as field
// "suppressed". While the trouble lasts, the interval doubles, up to ten minutes, so that an hour
// of it is a page; after two first intervals without the message everything begins anew. For a
// handful of constant messages. One thread only.
class Sampled {
 public:
  Sampled(uint32_t burst, Duration first_interval)
      : burst_(burst), first_interval_(first_interval) {}

  void Log(const Logger& logger, LogLevel level, TimePoint now, std::string_view message,
           LogFields fields = {}, std::source_location where = std::source_location::current());

 private:
  struct Line {
    std::string message;
    Duration interval;
    TimePoint interval_start;
    TimePoint last;
    uint32_t written = 0;
    uint64_t suppressed = 0;
  };
  Line& Find(std::string_view message, TimePoint now);

  const uint32_t burst_;
  const Duration first_interval_;
  std::vector<Line> lines_;
};

}  // namespace gapless::telemetry
