// Cryptographic digests. Pure; any thread.
#pragma once

#include "base/bytes.h"

#include <string>

namespace gapless::wire {

// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
std::string Sha256Hex(ByteSpan bytes);

}  // namespace gapless::wire
