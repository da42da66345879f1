#include "cli/process/pid_file.h"

#include "io/posix_file_system.h"

#include <fmt/format.h>
#include <unistd.h>

namespace gapless::cli {

Result<PidFile> PidFile::Create(const std::string& path) {
  if (path.empty()) {
    return PidFile(path);
  }
  io::FileSystem& fs = io::PosixFileSystem();
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    RETURN_IF_ERROR(fs.MakeDirectory(path.substr(0, slash), 0755).Annotate("--pid-file"));
  }
  auto file = fs.Open(path, io::OpenMode::kCreate);
  if (!file.ok()) {
    return file.status().Annotate("--pid-file");
  }
  const std::string text = fmt::format("{}\n", getpid());
  const ByteSpan bytes = AsBytes(text);
  RETURN_IF_ERROR((*file)->Truncate(0).Annotate("--pid-file"));
  RETURN_IF_ERROR((*file)->WriteAt(0, std::span(&bytes, 1)).Annotate("--pid-file"));
  return PidFile(path);
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, std::string())) {}

PidFile::~PidFile() {
  if (!path_.empty()) {
    unlink(path_.c_str());
  }
}

}  // namespace gapless::cli
