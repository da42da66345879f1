#include "config/expand.h"

#include "config/limits.h"
#include "config/yaml.h"

#include <fmt/format.h>

namespace gapless::config {
namespace {

constexpr std::string_view kOpen = "${";

std::string ReplaceAll(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  for (size_t begin = 0;;) {
    const size_t at = text.find(what, begin);
    out += text.substr(begin, at - begin);
    if (at == std::string_view::npos) {
      return out;
    }
    out += with;
    begin = at + what.size();
  }
}

size_t CountOf(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

}  // namespace

std::string_view FindReference(std::string_view text) {
  // The first '}' that has an opening before it, and the last opening before that.
  const size_t first = text.find(kOpen);
  const size_t close = first == std::string_view::npos ? first : text.find('}', first);
  if (close == std::string_view::npos) {
    return {};
  }
  const size_t open = text.rfind(kOpen, close);
  size_t dollars = 0;
  while (dollars < open && text[open - dollars - 1] == '$') {
    ++dollars;
  }
  // An escaped reference ends the search: what follows it in the same text stays as it is, too.
  return dollars % 2 == 1 ? std::string_view() : text.substr(open, close - open + 1);
}

void UnescapeDollars(Node& node) {
  if ((node.is_string() || node.expanded()) && node.text().contains("$$")) {
    node.set_text(ReplaceAll(node.text(), "$$", "$"));
  }
  for (Node& item : node.list()) {
    UnescapeDollars(item);
  }
  for (MapEntry& entry : node.map()) {
    UnescapeDollars(entry.value);
  }
}

Status Expander::Expand(Node& root) {
  RETURN_IF_ERROR(ExpandNode(root, 0, 0));
  UnescapeDollars(root);
  return OkStatus();
}

Status Expander::Fail(const Node& node, const Status& why) const {
  return why.Annotate(path_).Annotate(node.mark().ToString());
}

Status Expander::SpendText(size_t bytes) {
  text_bytes_ += bytes;
  return text_bytes_ <= kExpandedTextBytesMax
             ? OkStatus()
             : InvalidArgument(fmt::format("expansions make more than {} bytes of text",
                                           kExpandedTextBytesMax));
}

Result<Content> Expander::Read(std::string_view reference, const Mark& place) {
  if (++expansions_ > kExpansionsMax) {
    return InvalidArgument(fmt::format("more than {} expansions", kExpansionsMax));
  }
  ASSIGN_OR_RETURN(const Location location,
                   Location::ParseReference(reference.substr(2, reference.size() - 3)));
  ASSIGN_OR_RETURN(Content content, providers_.Read(location, place, path_));
  RETURN_IF_ERROR(SpendText(content.text.size()));
  return content;
}

Status Expander::ExpandNode(Node& node, size_t depth, int rounds) {
  return node.is_string() ? ExpandString(node, depth, rounds) : ExpandChildren(node, depth, rounds);
}

Status Expander::ExpandChildren(Node& node, size_t depth, int rounds) {
  const size_t path_size = path_.size();
  for (size_t i = 0; i < node.list().size(); ++i) {
    path_ += fmt::format("[{}]", i);
    RETURN_IF_ERROR(ExpandNode(node.list()[i], depth + 1, rounds));
    path_.resize(path_size);
  }
  for (MapEntry& entry : node.map()) {
    path_ = JoinPath(path_, entry.key);
    RETURN_IF_ERROR(ExpandNode(entry.value, depth + 1, rounds));
    path_.resize(path_size);
  }
  return OkStatus();
}

Status Expander::ExpandString(Node& node, size_t depth, int rounds) {
  while (node.is_string()) {
    const std::string text = node.text();
    const std::string_view reference = FindReference(text);
    if (reference.empty()) {
      return OkStatus();
    }
    if (++rounds > kExpansionRoundsMax) {
      return Fail(node, InvalidArgument("too many recursive expansions"));
    }
    Result<Content> content = Read(reference, node.mark());
    if (!content.ok()) {
      return Fail(node, content.status());
    }
    if (reference.size() != text.size()) {
      const Status spent = SpendText(text.size() + CountOf(text, reference) * content->text.size());
      if (!spent.ok()) {
        return Fail(node, spent);
      }
      node.set_text(ReplaceAll(text, reference, content->text));
      continue;
    }
    // The whole value: it keeps its YAML type. A string, or what is no YAML, is taken as it stands,
    // quotes included.
    const Mark place = node.mark();
    Result<Node> value = ParseYaml(content->text, content->name);
    node = value.ok() && !value->is_string() ? *std::move(value) : Node::String("");
    node.set_mark(place);
    node.set_text(std::move(content->text));
    node.set_expanded(true);
    nodes_ += CountNodes(node);
    if (nodes_ > kNodesMax || depth + HeightOf(node) > kDepthMax) {
      return Fail(node, InvalidArgument(fmt::format("expands to more than {} values or {} levels",
                                                    kNodesMax, kDepthMax)));
    }
  }
  if (node.is_scalar()) {
    return OkStatus();
  }
  RETURN_IF_ERROR(ExpandChildren(node, depth, rounds));
  ExpandOriginalText(node);
  return OkStatus();
}

// A list or map may still land in a field of type string, which takes the text it was written as,
// expanded like any other text. If that is not possible, only such a field may complain.
void Expander::ExpandOriginalText(Node& node) {
  const size_t warnings = providers_.warnings_size();
  std::string text = node.text();
  for (int round = 0; round < kExpansionRoundsMax; ++round) {
    const std::string reference(FindReference(text));
    if (reference.empty()) {
      node.set_text(std::move(text));
      break;
    }
    const Result<Content> content = Read(reference, node.mark());
    if (!content.ok() ||
        !SpendText(text.size() + CountOf(text, reference) * content->text.size()).ok()) {
      node.set_expanded(false);
      break;
    }
    text = ReplaceAll(text, reference, content->text);
  }
  providers_.TrimWarnings(warnings);  // its values have given them already
}

}  // namespace gapless::config
