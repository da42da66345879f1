#include "extension/pprof/profiles.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <malloc.h>

namespace gapless::extension::pprof {
namespace {

constexpr size_t kReportMax = size_t{1} << 20;
constexpr std::string_view kPrefix = "/debug/pprof/";
constexpr std::string_view kGoProfiles[] = {"profile",      "trace", "goroutine", "allocs", "block",
                                            "threadcreate", "mutex", "symbol",    "cmdline"};

std::string Explanation(int pid) {
  return fmt::format(
      "gapless is not a Go program: it has no Go profiles. What you can do instead:\n\n"
      "CPU, as a call graph:\n"
      "  perf record -g -p {0} -- sleep 30 && perf report\n"
      "Waiting and locks:\n"
      "  perf trace -s -p {0} -- sleep 10\n"
      "Memory of the allocator, by arena (XML of malloc_info(3)):\n"
      "  GET {1}heap\n"
      "Memory and CPU over time: otelcol_process_* among the metrics.\n",
      pid, kPrefix);
}

}  // namespace

std::string MallocInfo() {
  std::string report(kReportMax, '\0');
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fmemopen(report.data(), report.size(), "w"),
                                                   std::fclose);
  if (!file || malloc_info(0, file.get()) != 0) {
    return "the allocator gives no report\n";
  }
  std::fflush(file.get());
  report.resize(static_cast<size_t>(std::max(0L, std::ftell(file.get()))));
  return report;
}

Answer AnswerTo(std::string_view path, int pid) {
  if (path == kPrefix) {
    return {.body = Explanation(pid)};
  }
  if (!path.starts_with(kPrefix)) {
    return {.status = 404, .body = "see /debug/pprof/\n"};
  }
  const std::string_view name = path.substr(kPrefix.size());
  if (name == "heap") {
    return {.content_type = "application/xml", .body = MallocInfo()};
  }
  if (std::ranges::find(kGoProfiles, name) != std::end(kGoProfiles)) {
    return {.status = 501, .body = Explanation(pid)};
  }
  return {.status = 404, .body = "see /debug/pprof/\n"};
}

}  // namespace gapless::extension::pprof
