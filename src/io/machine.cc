#include "io/machine.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include <malloc.h>

namespace gapless::io {

namespace {

constexpr size_t kChunk = 64 * 1024;

// Files of /proc and /sys tell no size: read until the end of the first chunk.
std::string ReadKernelFile(FileSystem& fs, const std::string& path) {
  Result<std::unique_ptr<File>> file = fs.Open(path, OpenMode::kRead);
  if (!file.ok()) {
    return {};
  }
  std::string content(kChunk, '\0');
  const Result<size_t> size = (*file)->ReadAt(0, std::as_writable_bytes(std::span(content)));
  content.resize(size.ok() ? *size : 0);
  return content;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(start);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<uint64_t> LineValue(std::string_view content, std::string_view prefix) {
  const size_t at = content.find(prefix);
  return at == std::string_view::npos ? std::nullopt
                                      : ParseNumber(content.substr(at + prefix.size()));
}

// The path after `key` in /proc/self/cgroup ("0::/a/b", "5:memory:/a").
std::string CgroupPath(std::string_view content, std::string_view key) {
  const size_t at = content.find(key);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = content.substr(at + key.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

uint64_t SmallestOnTheWayUp(FileSystem& fs, const std::string& root, std::string path,
                            std::string_view file, uint64_t limit) {
  while (true) {
    const std::string directory = root + (path == "/" ? "" : path);
    if (const auto value = ParseNumber(ReadKernelFile(fs, JoinPath(directory, file)))) {
      limit = std::min(limit, *value);
    }
    if (path.empty() || path == "/" || path == ".") {
      return limit;
    }
    path = ParentPath(path);
  }
}

}  // namespace

uint64_t MachineMemoryLimit(FileSystem& fs) {
  uint64_t limit = uint64_t{1} << 30;
  if (const auto kib = LineValue(ReadKernelFile(fs, "/proc/meminfo"), "MemTotal:")) {
    limit = *kib * 1024;
  }
  const std::string groups = ReadKernelFile(fs, "/proc/self/cgroup");
  limit = SmallestOnTheWayUp(fs, "/sys/fs/cgroup", CgroupPath(groups, "0::"), "memory.max", limit);
  return SmallestOnTheWayUp(fs, "/sys/fs/cgroup/memory", CgroupPath(groups, ":memory:"),
                            "memory.limit_in_bytes", limit);
}

void KeepFreedMemory() {
  // glibc raises both by itself, but with twice the largest block that was freed as the second one
  // (mallopt(3)), which a few windows of a journal pass all the time.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
}

void ReturnFreeMemory(uint64_t much) {
  if (mallinfo2().fordblks > much) {
    malloc_trim(0);
  }
}

}  // namespace gapless::io
