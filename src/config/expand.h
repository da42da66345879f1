// Expansion of `${…}` in the values of a tree; a port of upstream's confmap/expand.go, with bounds.
#pragma once

#include "base/status.h"
#include "config/node.h"
#include "config/providers.h"

#include <string>
#include <string_view>

namespace gapless::config {

class Expander {
 public:
  explicit Expander(Providers& providers) : providers_(providers) {}

  // Expands every string value (never keys) until nothing changes, then turns `$$` into `$`.
  // Errors name the place and path of the value.
  Status Expand(Node& root);

 private:
  Status ExpandNode(Node& node, size_t depth, int rounds);
  Status ExpandString(Node& node, size_t depth, int rounds);
  Status ExpandChildren(Node& node, size_t depth, int rounds);
  void ExpandOriginalText(Node& node);
  // The content that `reference` ("${…}") names.
  Result<Content> Read(std::string_view reference, const Mark& place);
  Status SpendText(size_t bytes);
  Status Fail(const Node& node, const Status& why) const;

  Providers& providers_;
  std::string path_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
  size_t expansions_ = 0;
};

// The first expandable `${…}` of `text`, innermost first; empty if there is none or it is escaped.
std::string_view FindReference(std::string_view text);

// Turns `$$` into `$` in every string value.
void UnescapeDollars(Node& node);

}  // namespace gapless::config
