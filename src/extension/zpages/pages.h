// The pages under /debug/: a reading of the process as HTML. Pure.
#pragma once

#include "pipeline/status.h"

#include <optional>
#include <string>
#include <string_view>

namespace gapless::extension::zpages {

// What the pages show besides the reading.
struct Facts {
  std::string build;  // "gapless/0.1.0 (linux/amd64)"
  bool ready = false;
  WallTime up_since{};
  WallTime now{};
};

// The page at that path; none: there is no such page.
std::optional<std::string> RenderPage(std::string_view path, const Facts& facts,
                                      const pipeline::ServiceStatus& status);

}  // namespace gapless::extension::zpages
