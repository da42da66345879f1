// The value of a key `directory_permissions`. Pure; any thread.
#pragma once

#include "base/status.h"

#include <cstdint>
#include <string_view>

namespace gapless::config {

// The bits; INVALID_ARGUMENT unless it is an octal number up to 0777.
Result<uint32_t> ParsePermissions(std::string_view text);

}  // namespace gapless::config
