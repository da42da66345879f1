#include "config/sources.h"

#include "config/limits.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <fmt/format.h>

namespace gapless::config {
namespace {

// In Go's words: "open /x.yaml: no such file or directory".
Status FileError(std::string_view operation, const std::string& path, int error) {
  std::string reason = std::generic_category().message(error);
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] | 0x20);
  }
  std::string message = fmt::format("{} {}: {}", operation, path, reason);
  return error == ENOENT ? NotFound(std::move(message)) : InvalidArgument(std::move(message));
}

Result<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) {
    return FileError("open", path, errno);
  }
  std::string text;
  char buffer[16384];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    text.append(buffer, size);
    if (text.size() > kDocumentBytesMax) {
      return InvalidArgument(fmt::format("read {}: more than {} bytes", path, kDocumentBytesMax));
    }
  }
  if (std::ferror(file.get()) != 0) {
    return FileError("read", path, errno);
  }
  return text;
}

}  // namespace

Sources SystemSources() {
  return {.read_file = ReadFile,
          .get_env = [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
          },
          .fetch = nullptr};
}

}  // namespace gapless::config
