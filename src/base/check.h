// Assertions for programmer errors; never on external input.
//
// GAPLESS_CHECK: always on, aborts with the place. GAPLESS_DCHECK: in test builds only.
#pragma once

#include <source_location>

namespace gapless {

// Prints file, line and the condition to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, std::source_location where);

}  // namespace gapless

#define GAPLESS_CHECK(condition)                                           \
  do {                                                                     \
    if (!(condition)) [[unlikely]] {                                       \
      ::gapless::CheckFailed(#condition, std::source_location::current()); \
    }                                                                      \
  } while (false)

#ifdef GAPLESS_DEBUG
#define GAPLESS_DCHECK(condition) GAPLESS_CHECK(condition)
#else
#define GAPLESS_DCHECK(condition) \
  do {                            \
  } while (false)
#endif
