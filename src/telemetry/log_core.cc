#include "telemetry/log_core.h"

#include "fmt/format.h"
#include "telemetry/log_encoder.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace gapless::telemetry {
namespace {

using internal::AppendLine;
using internal::FixedFields;
using internal::Spacing;

// A log that cannot be written must not stop the process: what cannot be written is lost.
void WriteAll(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(fd, line.data(), line.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    line.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

// A file descriptor; files are owned, the standard streams are not.
struct LogCore::Output {
  Output(int output_fd, bool is_owned) : fd(output_fd), owned(is_owned) {}
  Output(Output&& other) noexcept : fd(other.fd), owned(std::exchange(other.owned, false)) {}
  Output& operator=(Output&& other) noexcept {
    std::swap(fd, other.fd);
    std::swap(owned, other.owned);
    return *this;
  }
  ~Output() {
    if (owned) {
      close(fd);
    }
  }

  static Result<Output> Open(const std::string& path) {
    if (path == "stderr") {
      return Output(STDERR_FILENO, false);
    }
    if (path == "stdout") {
      return Output(STDOUT_FILENO, false);
    }
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
      return FailedPrecondition(fmt::format("log output \"{}\": {}", path, std::strerror(errno)));
    }
    return Output(fd, true);
  }

  int fd;
  bool owned;
};

// A line from before the configuration, with its texts and fields kept as text.
struct LogCore::Buffered {
  LogLevel level;
  WallTime time;
  std::string message;
  std::source_location where;
  std::string spaced;
  std::string compact;
};

// zap's sampler: lines are counted per level and hash of their text, so that counting needs no lock
// and no memory per text. Two texts with one hash share a count.
class LogCore::Sampler {
 public:
  void Configure(const LogOptions::Sampling& sampling) {
    enabled_.store(sampling.enabled, std::memory_order_relaxed);
    tick_.store(sampling.tick.count(), std::memory_order_relaxed);
    initial_.store(sampling.initial, std::memory_order_relaxed);
    thereafter_.store(sampling.thereafter, std::memory_order_relaxed);
  }

  bool Admit(LogLevel level, std::string_view message, WallTime now) {
    if (!enabled_.load(std::memory_order_relaxed)) {
      return true;
    }
    const size_t hash = std::hash<std::string_view>()(message) + static_cast<size_t>(level);
    const uint64_t n = slots_[hash % slots_.size()].Next(now.time_since_epoch().count(),
                                                         tick_.load(std::memory_order_relaxed));
    const uint64_t initial = initial_.load(std::memory_order_relaxed);
    const uint64_t thereafter = thereafter_.load(std::memory_order_relaxed);
    return n <= initial || (thereafter != 0 && (n - initial) % thereafter == 0);
  }

 private:
  struct Slot {
    // The number of this line within its tick, from 1.
    uint64_t Next(int64_t now, int64_t tick) {
      int64_t end = tick_end.load(std::memory_order_relaxed);
      if (now >= end) {
        // Whoever moves the end begins the new count; the others of this instant count on.
        if (tick_end.compare_exchange_strong(end, now + tick, std::memory_order_relaxed)) {
          count.store(1, std::memory_order_relaxed);
          return 1;
        }
      }
      return count.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    std::atomic<int64_t> tick_end{INT64_MIN};
    std::atomic<uint64_t> count{0};
  };

  std::atomic<bool> enabled_{false};
  std::atomic<int64_t> tick_{0};
  std::atomic<uint64_t> initial_{0};
  std::atomic<uint64_t> thereafter_{0};
  std::array<Slot, 4096> slots_;
};

LogCore::LogCore(Clock clock) : sampler_(std::make_unique<Sampler>()), clock_(std::move(clock)) {}
LogCore::~LogCore() = default;

Status LogCore::Configure(LogOptions options) {
  std::vector<Output> outputs;
  for (const std::string& path : options.output_paths) {
    ASSIGN_OR_RETURN(Output output, Output::Open(path));
    outputs.push_back(std::move(output));
  }
  Install(std::move(options), std::move(outputs), {});
  return OkStatus();
}

void LogCore::ConfigureWriter(LogOptions options, Writer writer) {
  Install(std::move(options), {}, std::move(writer));
}

void LogCore::FlushToStderr() {
  MutexLock lock(mu_);
  if (!configured_) {
    set_level(options_.level);
    outputs_.clear();
    outputs_.emplace_back(STDERR_FILENO, false);
    Replay();
    outputs_.clear();
  }
}

void LogCore::Install(LogOptions options, std::vector<Output> outputs, Writer writer) {
  MutexLock lock(mu_);
  const Spacing spacing =
      options.encoding == LogOptions::Encoding::kConsole ? Spacing::kSpaced : Spacing::kCompact;
  fixed_ = FixedFields(options, spacing);
  sampler_->Configure(options.sampling);
  set_level(options.level);
  options_ = std::move(options);
  outputs_ = std::move(outputs);
  writer_ = std::move(writer);
  configured_ = true;
  Replay();
}

void LogCore::Write(Record record) {
  record.time = Now();
  if (record.sampled && !sampler_->Admit(record.level, record.message, record.time)) {
    return;
  }
  MutexLock lock(mu_);
  if (configured_) {
    Emit(record);
  } else {
    Keep(record);
  }
}

WallTime LogCore::Now() const {
  return clock_ ? clock_()
                : std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

void LogCore::Emit(const Record& record) {
  line_.clear();
  AppendLine(&line_, options_, fixed_, record);
  if (writer_) {
    writer_(line_);
  }
  for (const Output& output : outputs_) {
    WriteAll(output.fd, line_);
  }
}

void LogCore::Keep(const Record& record) {
  if (kept_.size() >= kBufferedLinesMax) {
    ++kept_dropped_;
    return;
  }
  Buffered line{.level = record.level,
                .time = record.time,
                .message = std::string(record.message),
                .where = record.where,
                .spaced = std::string(record.spaced_context),
                .compact = std::string(record.compact_context)};
  internal::AppendFields(&line.spaced, record.fields, Spacing::kSpaced);
  internal::AppendFields(&line.compact, record.fields, Spacing::kCompact);
  kept_.push_back(std::move(line));
}

void LogCore::Replay() {
  for (const Buffered& line : std::exchange(kept_, {})) {
    if (Enabled(line.level)) {
      Emit({.level = line.level,
            .time = line.time,
            .message = line.message,
            .where = line.where,
            .spaced_context = line.spaced,
            .compact_context = line.compact,
            .fields = {}});
    }
  }
  if (const uint64_t dropped = std::exchange(kept_dropped_, 0); dropped > 0) {
    const LogField count("dropped", dropped);
    Emit({.level = LogLevel::kWarn,
          .time = Now(),
          .message = "Log lines from before the configuration were dropped",
          .where = std::source_location::current(),
          .fields = {&count, 1}});
  }
}

}  // namespace gapless::telemetry
