// What a decoded configuration contradicts: references to nothing, connectors that join nothing,
// cycles. Pure; texts are upstream's.
#pragma once

#include "config/errors.h"
#include "service/config/config.h"

#include <array>
#include <set>

namespace gapless::service {

// What a section declares, by Kind. One mistake is told once: a reference to a component of an
// unknown type, or into a section that could not be read, is no second problem.
struct Declared {
  std::set<ComponentId> ids;
  bool broken = false;  // some of its IDs could not be read
};
using Declarations = std::array<Declared, std::size(kKinds)>;

// Problems go to `errors`. `service_ok`: the service section was decoded without a problem; only
// then the graph of pipelines means anything.
void CheckConfig(const Config& config, const Declarations& declared, bool service_ok,
                 config::Errors& errors);

}  // namespace gapless::service
