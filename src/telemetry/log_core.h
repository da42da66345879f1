// What stands behind every Logger: encoding, level, sampling, outputs. Made once by the service,
// reconfigured at a reload; all loggers follow.
//
// Console line (zap's console encoder, as the Collector configures it), fields separated by tabs:
//   2025-04-17T10:40:44.559+0200  info  service/service.cc:57  Everything is ready.  {"resource":
//   {…}, "k": 1}
// JSON line:
// {"level":"info","ts":"2025-04-17T10:40:44.559+0200","caller":"…","msg":"…","resource":{…},"k":1}
//
// A line is one write(2): lines of several threads and processes never mix. Until Configure, lines
// are kept (at most kBufferedLinesMax, the newest are dropped and counted) and then replayed.
#pragma once

#include "base/mutex.h"
#include "telemetry/log.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace gapless::telemetry {

// One field of `initial_fields`, owned.
struct LogInitialField {
  std::string key;
  std::variant<std::string, int64_t, double, bool> value;
};

// service.telemetry.logs.
struct LogOptions {
  enum class Encoding : uint8_t { kConsole, kJson };
  struct Sampling {
    bool enabled = true;
    Duration tick = std::chrono::seconds(10);
    uint64_t initial = 10;      // lines of one text per tick that pass …
    uint64_t thereafter = 100;  // … and then every so many-th; 0: none
  };

  LogLevel level = LogLevel::kInfo;
  Encoding encoding = Encoding::kConsole;
  std::vector<std::string> output_paths = {
      "stderr"};  // "stdout", "stderr", else a file to append to
  bool disable_caller = false;
  // Console only: neither time nor level nor caller in front of the message.
  bool message_only = false;
  Sampling sampling;
  std::vector<LogInitialField> initial_fields;
  // Attributes of the field "resource", in order; empty: no such field.
  std::vector<std::pair<std::string, std::string>> resource;
};

class LogCore {
 public:
  static constexpr size_t kBufferedLinesMax = 1000;
  using Clock = std::move_only_function<WallTime() const>;
  using Writer = std::move_only_function<void(std::string_view line)>;

  // `clock` tells the time of a line; empty: the system's clock. It is called from any logging
  // thread.
  explicit LogCore(Clock clock = {});
  ~LogCore();
  LogCore(const LogCore&) = delete;
  LogCore& operator=(const LogCore&) = delete;

  // Opens the outputs, replays what was kept, closes the old outputs. On error nothing has changed.
  Status Configure(LogOptions options);
  // The same with `writer` in place of the output paths; lines end with '\n'. Called under the
  // core's lock.
  void ConfigureWriter(LogOptions options, Writer writer);
  // A start that failed: what was kept goes to stderr in console form.
  void FlushToStderr();

  bool Enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  // Logger's back door.
  struct Record {
    LogLevel level = LogLevel::kInfo;
    WallTime time{};
    std::string_view message{};
    std::source_location where{};
    std::string_view spaced_context{};
    std::string_view compact_context{};
    std::span<const LogField> fields{};
    bool sampled = true;
  };
  void Write(Record record);

 private:
  struct Output;
  struct Buffered;
  class Sampler;
  void Install(LogOptions options, std::vector<Output> outputs, Writer writer);
  void Emit(const Record& record) GAPLESS_REQUIRES(mu_);
  void Keep(const Record& record) GAPLESS_REQUIRES(mu_);
  void Replay() GAPLESS_REQUIRES(mu_);
  WallTime Now() const;

  std::atomic<LogLevel> level_{LogLevel::kDebug};

  // Constant after construction.
  const std::unique_ptr<Sampler> sampler_;
  const Clock clock_;

  Mutex mu_;
  bool configured_ GAPLESS_GUARDED_BY(mu_) = false;
  LogOptions options_ GAPLESS_GUARDED_BY(mu_);
  std::string fixed_ GAPLESS_GUARDED_BY(mu_);  // initial fields and resource, encoded
  std::vector<Output> outputs_ GAPLESS_GUARDED_BY(mu_);
  Writer writer_ GAPLESS_GUARDED_BY(mu_);
  std::vector<Buffered> kept_ GAPLESS_GUARDED_BY(mu_);
  uint64_t kept_dropped_ GAPLESS_GUARDED_BY(mu_) = 0;
  std::string line_ GAPLESS_GUARDED_BY(mu_);
};

}  // namespace gapless::telemetry
