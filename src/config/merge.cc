#include "config/merge.h"

#include "config/limits.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::config {
namespace {

bool IsAppended(std::string_view path) {
  if (!path.starts_with("service::")) {
    return false;
  }
  return path == "service::extensions" || path.ends_with("::receivers") ||
         path.ends_with("::exporters");
}

void MergeAt(Node& into, Node later, const std::string& path, MergeOptions options) {
  if (into.is_map() && later.is_map()) {
    for (MapEntry& entry : later.map()) {
      if (Node* old = into.Find(entry.key)) {
        MergeAt(*old, std::move(entry.value), JoinPath(path, entry.key), options);
      } else {
        into.map().push_back(std::move(entry));
      }
    }
    return;
  }
  if (options.append_service_lists && into.is_list() && later.is_list() && IsAppended(path)) {
    for (Node& item : later.list()) {
      if (std::ranges::find(into.list(), item) == into.list().end()) {
        into.list().push_back(std::move(item));
      }
    }
    return;
  }
  into = std::move(later);
}

Result<Node> Split(Node node, size_t depth) {
  if (depth > kDepthMax) {
    return InvalidArgument(
        fmt::format("{}: nested deeper than {} levels", node.mark().ToString(), kDepthMax));
  }
  if (!node.is_map()) {
    return node;
  }
  Node out = Node::Map(node.mark());
  out.set_expanded(node.expanded());
  out.set_text(node.text());
  for (MapEntry& entry : node.map()) {
    // Wrap the value from the innermost key outwards.
    std::string key = std::move(entry.key);
    size_t levels = depth + 1;
    for (size_t at = key.find(kPathSeparator); at != std::string::npos && levels <= kDepthMax;
         at = key.find(kPathSeparator, at + kPathSeparator.size())) {
      ++levels;
    }
    ASSIGN_OR_RETURN(Node value, Split(std::move(entry.value), levels));
    for (size_t at = key.rfind(kPathSeparator); at != std::string::npos;
         at = key.rfind(kPathSeparator)) {
      Node wrapper = Node::Map(entry.key_mark);
      wrapper.Set(std::string_view(key).substr(at + kPathSeparator.size()), std::move(value));
      wrapper.map().back().key_mark = entry.key_mark;
      value = std::move(wrapper);
      key.resize(at);
    }
    if (Node* old = out.Find(key)) {
      MergeAt(*old, std::move(value), key, {});
    } else {
      out.map().push_back({.key = std::move(key),
                           .key_mark = entry.key_mark,
                           .value = std::move(value),
                           .comment = std::move(entry.comment)});
    }
  }
  return out;
}

}  // namespace

Result<Node> SplitKeys(Node node) { return Split(std::move(node), 0); }

void Merge(Node& into, Node later, MergeOptions options) {
  MergeAt(into, std::move(later), "", options);
}

}  // namespace gapless::config
