#include "queue/metadata_groups.h"

#include <algorithm>
#include <functional>
#include <string>

namespace gapless::queue {

MetadataGroups::Key MetadataGroups::KeyOf(const std::shared_ptr<const otlp::Metadata>& metadata) {
  Key key = 0;
  if (metadata) {
    for (const auto& [name, value] : *metadata) {
      key = key * 31 + std::hash<std::string>()(name);
      key = key * 31 + std::hash<std::string>()(value);
    }
  }
  return key;
}

void MetadataGroups::Add(Key key, const Amount& amount) {
  Amount& group = groups_[key];
  group.items += amount.items;
  group.bytes += amount.bytes;
}

void MetadataGroups::Remove(Key key, const Amount& amount) {
  const auto it = groups_.find(key);
  if (it == groups_.end()) {
    return;
  }
  Amount& group = it->second;
  group.items -= std::min(group.items, amount.items);
  group.bytes -= std::min(group.bytes, amount.bytes);
  if (group.items == 0) {
    groups_.erase(it);
  }
}

MetadataGroups::Amount MetadataGroups::Of(Key key) const {
  const auto it = groups_.find(key);
  return it == groups_.end() ? Amount() : it->second;
}

}  // namespace gapless::queue
