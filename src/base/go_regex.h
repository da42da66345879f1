// Regular expressions as Go's package regexp reads them, for the RE2 that is linked here.
#pragma once

#include <string>
#include <string_view>

namespace gapless {

// `pattern` in the syntax of older versions of RE2: groups named (?<name>…) become (?P<name>…).
// Pure.
std::string ForRe2(std::string_view pattern);

}  // namespace gapless
