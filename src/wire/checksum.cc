#include "wire/checksum.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <isa-l/crc.h>

namespace gapless::wire {
namespace {

// ISA-L takes the length as int.
constexpr size_t kMaxChunk = size_t{1} << 30;

// Polynomials over GF(2) modulo Castagnoli's, the highest power in the lowest bit.
constexpr uint32_t kPolynomial = 0x82F63B78;
constexpr uint32_t kOne = uint32_t{1} << 31;

constexpr uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    product ^= (a & bit) != 0 ? b : 0;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}

// x to the power of 8, 16, 32, …: what one, two, four, … bytes shift by.
constexpr std::array<uint32_t, 64> kShifts = [] {
  std::array<uint32_t, 64> shifts = {kOne >> 8};
  for (size_t i = 1; i < shifts.size(); ++i) {
    shifts[i] = Multiply(shifts[i - 1], shifts[i - 1]);
  }
  return shifts;
}();

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

uint32_t Crc32cShift(uint32_t seed, uint64_t size) {
  for (size_t i = 0; size != 0; ++i, size >>= 1) {
    seed = (size & 1) != 0 ? Multiply(seed, kShifts[i]) : seed;
  }
  return seed;
}

}  // namespace gapless::wire
