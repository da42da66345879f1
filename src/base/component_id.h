// IDs of components and pipelines: `type` or `type/name` (collector.md of upstream: component.ID,
// pipeline.ID).
#pragma once

#include "base/status.h"

#include <compare>
#include <string>
#include <string_view>

namespace gapless {

struct ComponentId {
  std::string type;
  std::string name;  // empty: none

  // Trims spaces around type and name; splits at the first '/'. Errors say which rule was broken:
  // type matches [a-zA-Z][0-9a-zA-Z_]{0,62}; name is 1..1024 characters without separators, control
  // or symbol characters of Unicode ('/' is allowed). The words are upstream's.
  static Result<ComponentId> Parse(std::string_view text);
  std::string ToString() const { return name.empty() ? type : type + "/" + name; }

  auto operator<=>(const ComponentId&) const = default;
};

}  // namespace gapless
