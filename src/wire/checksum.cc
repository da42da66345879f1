#include "wire/checksum.h"

#include <algorithm>
#include <cstddef>

#include <isa-l/crc.h>
#include <xxhash.h>

namespace gapless::wire {
namespace {

// ISA-L takes the length as int.
constexpr size_t kMaxChunk = size_t{1} << 30;

}  // namespace

uint32_t Crc32c(ByteSpan bytes, uint32_t seed) {
  uint32_t crc = ~seed;
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kMaxChunk);
    // The library's prototype lacks const; it only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(size), crc);
    bytes = bytes.subspan(size);
  }
  return ~crc;
}

uint32_t Crc32c(const Rope& rope, uint32_t seed) {
  for (const Slice& slice : rope.slices()) {
    seed = Crc32c(slice.span(), seed);
  }
  return seed;
}

uint64_t Xxh3(ByteSpan bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace gapless::wire
