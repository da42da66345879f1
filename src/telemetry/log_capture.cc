#include "telemetry/log_capture.h"

#include <algorithm>

namespace gapless::telemetry {

LogCapture::LogCapture(LogOptions options)
    : core_(
          std::make_shared<LogCore>([] { return WallTime(std::chrono::seconds(1'700'000'000)); })) {
  core_->ConfigureWriter(std::move(options), [store = store_](std::string_view line) {
    MutexLock lock(store->mu);
    store->text += line;
  });
}

std::string LogCapture::text() const {
  MutexLock lock(store_->mu);
  return store_->text;
}

std::vector<std::string> LogCapture::lines() const {
  std::vector<std::string> lines;
  std::string_view rest;
  const std::string all = text();
  rest = all;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return lines;
}

size_t LogCapture::Count(std::string_view needle) const {
  const std::vector<std::string> all = lines();
  return static_cast<size_t>(std::count_if(
      all.begin(), all.end(), [&](const std::string& line) { return line.contains(needle); }));
}

LogOptions LogCapture::DefaultOptions() {
  LogOptions options;
  options.level = LogLevel::kDebug;
  options.output_paths.clear();
  options.sampling.enabled = false;
  return options;
}

}  // namespace gapless::telemetry
