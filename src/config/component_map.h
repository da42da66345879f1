// The component sections (`receivers:` and so on): a map from ID to the component's own
// configuration.
#pragma once

#include "base/component_id.h"
#include "config/errors.h"
#include "config/node.h"

#include <string_view>
#include <vector>

namespace gapless::config {

struct ComponentEntry {
  ComponentId id;
  const Node* node;  // of the tree that was parsed; null or an empty map: all defaults
  Mark mark;         // of the ID
};

// Entries of `section` (the value at top-level key `name`) in the order written; a null section is
// empty. IDs are trimmed; malformed ones and `duplicate name` are added to `errors`. The section
// must outlive the entries.
std::vector<ComponentEntry> ParseComponentMap(const Node* section, std::string_view name,
                                              Errors& errors);

}  // namespace gapless::config
