// A small seeded random generator (splitmix64). Randomness enters the code only through an Rng that
// a caller seeds.
#pragma once

#include <cstdint>

namespace gapless {

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // Uniform in [0, bound). Precondition: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double probability) { return Uniform() < probability; }

 private:
  uint64_t state_;
};

// A seed from the operating system, for production use.
uint64_t RandomSeed();

}  // namespace gapless
