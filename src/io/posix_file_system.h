// The real file system.
#pragma once

#include "io/file_system.h"

namespace gapless::io {

// Lives as long as the process; any thread.
FileSystem& PosixFileSystem();

}  // namespace gapless::io
