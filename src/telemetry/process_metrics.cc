#include "telemetry/process_metrics.h"

#include "telemetry/inventory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

namespace gapless::telemetry {
namespace {

// The start of a small file of /proc; empty if it cannot be read.
std::string ReadProcFile(const char* path) {
  std::array<char, 1024> buffer;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return {};
  }
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  close(fd);
  return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
}

// The `index`-th field of words separated by one space each; 0 if it is not a number.
uint64_t NumberAt(std::string_view text, size_t index) {
  for (; index > 0; --index) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) {
      return 0;
    }
    text.remove_prefix(space + 1);
  }
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double HeapInUseBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

double HeapHeldBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.arena + info.hblkhd);
}

}  // namespace

double ProcessCpuSeconds() {
  const std::string stat = ReadProcFile("/proc/self/stat");
  // The command name may hold spaces and parentheses: fields are counted from behind its end
  // (proc(5)).
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) {
    return 0;
  }
  constexpr size_t kUserTime =
      11;  // field 14 of the file; the first one behind the name is field 3
  const std::string_view fields = std::string_view(stat).substr(name_end + 2);
  const uint64_t ticks = NumberAt(fields, kUserTime) + NumberAt(fields, kUserTime + 1);
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ProcessResidentBytes() {
  const uint64_t pages = NumberAt(ReadProcFile("/proc/self/statm"), 1);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

ProcessMetrics::ProcessMetrics(Registry& registry, TimePoint start, TimePoint (*now)()) {
  const auto add = [&](const MetricDef& def, Callback::Function value) {
    callbacks_.push_back(registry.AddCallback(def, {}, std::move(value)));
  };
  add(Metric("otelcol_process_uptime"),
      [start, now] { return std::chrono::duration<double>(now() - start).count(); });
  add(Metric("otelcol_process_cpu_seconds"), ProcessCpuSeconds);
  add(Metric("otelcol_process_memory_rss"), ProcessResidentBytes);
  add(Metric("otelcol_process_runtime_heap_alloc_bytes"), HeapInUseBytes);
  add(Metric("otelcol_process_runtime_total_sys_memory_bytes"), HeapHeldBytes);
  // The allocator keeps no sum of all allocations; the growth seen between scrapes never falls,
  // which is what rate() needs.
  add(Metric("otelcol_process_runtime_total_alloc_bytes"), [last = 0.0, total = 0.0]() mutable {
    const double present = HeapInUseBytes();
    total += std::max(present - last, 0.0);
    last = present;
    return total;
  });
}

}  // namespace gapless::telemetry
