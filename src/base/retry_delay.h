// How long a client is asked to wait before it sends again.
#pragma once

#include <chrono>

namespace gapless {

// Where nobody knows better. SDKs that count their tries give up too early after a shorter delay
// (JavaScript over HTTP takes it in place of its own back-off, Rust adds to it); others have too
// few tries left after a longer one (Go over gRPC within its 10 s).
inline constexpr std::chrono::seconds kClientRetryDelay{3};

}  // namespace gapless
