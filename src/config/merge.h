// Merging of configuration trees, by upstream's rules.
#pragma once

#include "base/status.h"
#include "config/node.h"

namespace gapless::config {

// Turns keys with `::` into nested maps, in maps at every level but not in lists. Equal paths in
// one map are merged, the later one wins. Fails beyond kDepthMax.
Result<Node> SplitKeys(Node node);

struct MergeOptions {
  // Lists at service::extensions and at any receivers or exporters below service are joined without
  // duplicates.
  bool append_service_lists = false;
};

// Maps are merged key by key; anything else in `later` (null and lists included) replaces what was
// there.
void Merge(Node& into, Node later, MergeOptions options);

}  // namespace gapless::config
