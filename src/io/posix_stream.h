// Streams as files: pipes, terminals, character devices.
#pragma once

#include "io/file_system.h"

#include <memory>
#include <string>

namespace gapless::io {

// Null if `path` is nothing, a regular file or a directory. Never waits for a reader. Errors as
// FileSystem::Open; a socket cannot be opened by its path (UNAVAILABLE).
Result<std::unique_ptr<File>> OpenStream(const std::string& path);

}  // namespace gapless::io
