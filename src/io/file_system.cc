#include "io/file_system.h"

#include <fmt/format.h>

namespace gapless::io {

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') {
    path += '/';
  }
  path += name;
  return path;
}

std::string ParentPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return ".";
  }
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

Result<std::string> ReadWholeFile(FileSystem& fs, const std::string& path, size_t limit) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Open(path, OpenMode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > limit) {
    return ResourceExhausted(fmt::format("{} is longer than {} bytes", path, limit));
  }
  std::string content(size, '\0');
  ASSIGN_OR_RETURN(const size_t got, file->ReadAt(0, std::as_writable_bytes(std::span(content))));
  content.resize(got);
  return content;
}

Status WriteFileAtomically(FileSystem& fs, const std::string& path, ByteSpan content) {
  const std::string temporary = path + ".tmp";
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreate));
  RETURN_IF_ERROR(file->Truncate(0));
  RETURN_IF_ERROR(file->WriteAt(0, content));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(fs.Rename(temporary, path));
  return fs.SyncDirectory(ParentPath(path));
}

}  // namespace gapless::io
