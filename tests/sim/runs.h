// One life of the simulator with real backends by its seed, and the search of a smaller one that
// fails as well.
#pragma once

#include "tests/sim/backend_life.h"
#include "tests/sim/coverage.h"
#include "tests/sim/features.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::sim {

// What one run is made of; as flags of sim_test: CommandOf.
struct LifePlan {
  uint64_t seed = 0;
  std::vector<std::string_view> promises;  // --with
  std::vector<std::string_view> left_out;  // --without
  LifeLimits limits;                       // --steps, --clients
};

struct LifeReport {
  std::vector<std::string> complaints;
  Features features;
  Duration lived{};
  LifeLimits used;
};

// `coverage`: may be null.
LifeReport RunLife(const LifePlan& plan, bool trace, Coverage* coverage);
std::string CommandOf(const LifePlan& plan);

// Leaves out features and shortens time and load one by one, as long as something still fails.
// Precondition: the plan fails.
LifePlan Minimize(LifePlan plan);

}  // namespace gapless::sim
