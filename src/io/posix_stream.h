// Streams as files: pipes, terminals, character devices, sockets that this process has open.
#pragma once

#include "io/file_system.h"

#include <memory>
#include <string>

namespace gapless::io {

// Null if `path` is nothing, a regular file or a directory. Never waits for a reader. Errors as
// FileSystem::Open. No socket can be opened by its path (ENXIO, open(2)): one that is a descriptor
// of ours, such as /dev/stdout under systemd, is written to by that, others are UNAVAILABLE.
Result<std::unique_ptr<File>> OpenStream(const std::string& path);

}  // namespace gapless::io
