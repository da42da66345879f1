// The component types of the Collector's distributions (core and contrib) that gapless does not
// have, and what to do instead.
#pragma once

#include "service/config/factories.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::service {

// One sentence: why it is not there and what to do; empty: no distribution has such a type either.
std::string_view AdviceForUpstreamType(Kind kind, std::string_view type);

// The names of a kind, for "did you mean".
std::vector<std::string> UpstreamTypes(Kind kind);

}  // namespace gapless::service
