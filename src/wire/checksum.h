// Checksums: CRC32C for what is stored (the CPU computes it), XXH3 for hash tables and
// fingerprints.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace gapless::wire {

// CRC32C (Castagnoli, RFC 3720 appendix B.4; "123456789" gives 0xE3069283). To continue over more
// bytes pass the result so far as `seed`: Crc32c(b, Crc32c(a)) == Crc32c(a followed by b).
uint32_t Crc32c(ByteSpan bytes, uint32_t seed = 0);
uint32_t Crc32c(const Rope& rope, uint32_t seed = 0);

// What a seed adds, so that one need not be known in advance: Crc32c(b, seed) == Crc32c(b) ^
// Crc32cShift(seed, size of b). Costs as much as some KiB of Crc32c, whatever the size.
uint32_t Crc32cShift(uint32_t seed, uint64_t size);

}  // namespace gapless::wire
