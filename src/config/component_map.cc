#include "config/component_map.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::config {

std::vector<ComponentEntry> ParseComponentMap(const Node* section, std::string_view name,
                                              Errors& errors) {
  std::vector<ComponentEntry> entries;
  if (section == nullptr || section->is_null()) {
    return entries;
  }
  if (!section->is_map()) {
    errors.Add(
        name, section->mark(),
        fmt::format("'{}' expected a map or struct, got \"{}\"", name, GoKindName(section->kind())),
        Stage::kDecode);
    return entries;
  }
  for (const MapEntry& entry : section->map()) {
    Result<ComponentId> id = ComponentId::Parse(entry.key);
    if (!id.ok()) {
      errors.Add(name, entry.key_mark, id.status().message(), Stage::kDecode);
      continue;
    }
    const auto same = std::ranges::find(entries, *id, &ComponentEntry::id);
    if (same != entries.end()) {
      errors.Add(
          name, entry.key_mark,
          fmt::format("duplicate name \"{}\" (also at {})", id->ToString(), same->mark.ToString()),
          Stage::kDecode);
      continue;
    }
    entries.push_back({.id = *std::move(id), .node = &entry.value, .mark = entry.key_mark});
  }
  return entries;
}

}  // namespace gapless::config
