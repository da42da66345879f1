#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gapless {

void CheckFailed(const char* condition, std::source_location where) {
  std::fprintf(stderr, "%s:%u: check failed: %s (in %s)\n", where.file_name(), where.line(),
               condition, where.function_name());
  std::abort();
}

}  // namespace gapless
