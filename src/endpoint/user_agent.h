// How gapless names itself to peers.
#pragma once

#include <string>

namespace gapless::endpoint {

// "gapless/0.1.0 (linux/amd64)", the form that upstream uses.
std::string DefaultUserAgent();

}  // namespace gapless::endpoint
