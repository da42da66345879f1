// PidFile: the process id in a file, for scripts that send signals; removed at the end.
#pragma once

#include "base/status.h"

#include <string>

namespace gapless::cli {

class PidFile {
 public:
  // An empty path: no file. Its folder is created if it is missing. Errors name the path.
  static Result<PidFile> Create(const std::string& path);
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace gapless::cli
