// The nearest of some names, for "did you mean".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

// Empty if no candidate is near: more than a third of the letters (at least one) differ. Swapped
// neighbours, case and
// '-' for '_' count as one difference or less.
std::string NearestName(std::string_view name, const std::vector<std::string>& candidates);

// ` (did you mean "x"?)`, or empty.
std::string NearestHint(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace gapless::config
