// The composer: libyaml's events to a Node tree. Bounded in depth, nodes and text, aliases counted
// in full.
#include "config/yaml.h"

#include "config/limits.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <yaml.h>

namespace gapless::config {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

std::string_view TextOf(const yaml_char_t* text) {
  return text != nullptr ? std::string_view(reinterpret_cast<const char*>(text))
                         : std::string_view();
}

// One event of libyaml, freed at the end of its scope.
struct Event {
  yaml_event_t raw{};
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&raw); }
};

struct Cost {
  size_t nodes = 0;
  size_t bytes = 0;
};

struct Anchor {
  Node value;
  Cost cost;
  size_t height = 0;
  bool complete = false;
};

class Composer {
 public:
  Composer(std::string_view text, std::string_view file_name)
      : text_(text), file_(std::make_shared<const std::string>(file_name)) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Composer(const Composer&) = delete;
  Composer& operator=(const Composer&) = delete;
  ~Composer() { yaml_parser_delete(&parser_); }

  Result<Node> ComposeDocument();

 private:
  Status Next(Event& event);
  Status ScannerError();
  Mark MarkAt(const yaml_mark_t& mark) const {
    return {.file = file_,
            .line = static_cast<uint32_t>(mark.line + 1),
            .column = static_cast<uint32_t>(mark.column + 1)};
  }
  Status Fail(const Mark& mark, std::string_view message) const {
    return InvalidArgument(fmt::format("{}: yaml: {}", mark.ToString(), message));
  }
  Status Spend(Cost cost, const Mark& mark);

  Result<Node> Compose(const Event& event, size_t depth);
  Result<Node> ComposeAnchored(const Event& event, const Mark& mark, const std::string& anchor,
                               size_t depth);
  Result<Node> ComposeContent(const Event& event, const Mark& mark, size_t depth);
  Result<Node> ComposeAlias(const Event& event, const Mark& mark, size_t depth);
  Result<Node> ComposeScalar(const Event& event, const Mark& mark);
  Result<Node> ComposeTagged(std::string_view tag, std::string_view text, const Mark& mark);
  Result<Node> ComposeList(const Mark& mark, size_t depth);
  Result<Node> ComposeMap(const Mark& mark, size_t depth);
  Status AddEntry(Node& map, std::vector<Node>& merges, const Event& key, size_t depth);
  Status Merge(Node& map, std::vector<Node>& merges);

  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  yaml_parser_t parser_{};
  std::map<std::string, Anchor, std::less<>> anchors_;
  Cost spent_;
};

Status Composer::Next(Event& event) {
  return yaml_parser_parse(&parser_, &event.raw) != 0 ? OkStatus() : ScannerError();
}

Status Composer::ScannerError() {
  const std::string_view problem = parser_.problem != nullptr ? parser_.problem : "cannot be read";
  if (parser_.error == YAML_READER_ERROR) {
    const std::string_view before = text_.substr(0, std::min(parser_.problem_offset, text_.size()));
    const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    const Mark mark{.file = file_,
                    .line = static_cast<uint32_t>(std::ranges::count(before, '\n') + 1),
                    .column = static_cast<uint32_t>(before.size() - line_begin + 1)};
    return Fail(mark, problem);
  }
  const Mark mark = MarkAt(parser_.problem_mark);
  return parser_.context != nullptr ? Fail(mark, fmt::format("{}: {}", parser_.context, problem))
                                    : Fail(mark, problem);
}

Status Composer::Spend(Cost cost, const Mark& mark) {
  spent_.nodes += cost.nodes;
  spent_.bytes += cost.bytes;
  if (spent_.nodes > kNodesMax || spent_.bytes > kTreeTextBytesMax) {
    return Fail(mark,
                fmt::format("document contains excessive aliasing or is too large (limits: {} "
                            "values, {} bytes of text)",
                            kNodesMax, kTreeTextBytesMax));
  }
  return OkStatus();
}

Result<Node> Composer::ComposeDocument() {
  if (text_.size() > kDocumentBytesMax) {
    return Fail(Mark{.file = file_}, fmt::format("more than {} bytes", kDocumentBytesMax));
  }
  Event start;
  RETURN_IF_ERROR(Next(start));
  Event document;
  RETURN_IF_ERROR(Next(document));
  if (document.raw.type != YAML_DOCUMENT_START_EVENT) {
    return Node::Null(Mark{.file = file_, .line = 1, .column = 1});
  }
  Event root;
  RETURN_IF_ERROR(Next(root));
  ASSIGN_OR_RETURN(Node node, Compose(root, 0));
  Event end;
  RETURN_IF_ERROR(Next(end));
  return node;
}

Result<Node> Composer::Compose(const Event& event, size_t depth) {
  const Mark mark = MarkAt(event.raw.start_mark);
  if (depth > kDepthMax) {
    return Fail(mark, fmt::format("nested deeper than {} levels", kDepthMax));
  }
  RETURN_IF_ERROR(Spend({.nodes = 1}, mark));
  const yaml_char_t* anchor = nullptr;
  if (event.raw.type == YAML_SCALAR_EVENT) {
    anchor = event.raw.data.scalar.anchor;
  } else if (event.raw.type == YAML_SEQUENCE_START_EVENT) {
    anchor = event.raw.data.sequence_start.anchor;
  } else if (event.raw.type == YAML_MAPPING_START_EVENT) {
    anchor = event.raw.data.mapping_start.anchor;
  }
  return anchor == nullptr ? ComposeContent(event, mark, depth)
                           : ComposeAnchored(event, mark, std::string(TextOf(anchor)), depth);
}

Result<Node> Composer::ComposeAnchored(const Event& event, const Mark& mark,
                                       const std::string& anchor, size_t depth) {
  anchors_[anchor] = Anchor();
  const Cost before = spent_;
  ASSIGN_OR_RETURN(Node node, ComposeContent(event, mark, depth));
  const Cost cost{.nodes = spent_.nodes - before.nodes + 1, .bytes = spent_.bytes - before.bytes};
  RETURN_IF_ERROR(Spend(cost, mark));  // for the copy
  anchors_[anchor] = {.value = node, .cost = cost, .height = HeightOf(node), .complete = true};
  return node;
}

Result<Node> Composer::ComposeContent(const Event& event, const Mark& mark, size_t depth) {
  switch (event.raw.type) {
    case YAML_ALIAS_EVENT:
      return ComposeAlias(event, mark, depth);
    case YAML_SCALAR_EVENT:
      return ComposeScalar(event, mark);
    case YAML_SEQUENCE_START_EVENT:
      return ComposeList(mark, depth);
    case YAML_MAPPING_START_EVENT:
      return ComposeMap(mark, depth);
    default:
      return Fail(mark, "unexpected end of a value");
  }
}

Result<Node> Composer::ComposeAlias(const Event& event, const Mark& mark, size_t depth) {
  const std::string_view name = TextOf(event.raw.data.alias.anchor);
  const auto it = anchors_.find(name);
  if (it == anchors_.end()) {
    return Fail(mark, fmt::format("unknown anchor '{}' referenced", name));
  }
  if (!it->second.complete) {
    return Fail(mark, fmt::format("anchor '{}' value contains itself", name));
  }
  if (depth + it->second.height > kDepthMax) {
    return Fail(mark, fmt::format("nested deeper than {} levels", kDepthMax));
  }
  RETURN_IF_ERROR(Spend(it->second.cost, mark));
  return it->second.value;
}

Result<Node> Composer::ComposeScalar(const Event& event, const Mark& mark) {
  const auto& scalar = event.raw.data.scalar;
  const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
  RETURN_IF_ERROR(Spend({.bytes = text.size()}, mark));
  if (scalar.tag != nullptr) {
    return ComposeTagged(TextOf(scalar.tag), text, mark);
  }
  if (scalar.style != YAML_PLAIN_SCALAR_STYLE) {
    return Node::String(std::string(text), mark);
  }
  Node node = ResolvePlainScalar(text);
  node.set_mark(mark);
  return node;
}

Result<Node> Composer::ComposeTagged(std::string_view tag, std::string_view text,
                                     const Mark& mark) {
  std::optional<Kind> wanted;
  if (tag.starts_with(kTagPrefix)) {
    tag.remove_prefix(kTagPrefix.size());
    constexpr std::pair<std::string_view, Kind> kKinds[] = {
        {"null", Kind::kNull}, {"bool", Kind::kBool}, {"int", Kind::kInt}, {"float", Kind::kFloat}};
    for (const auto& [name, kind] : kKinds) {
      if (tag == name) {
        wanted = kind;
      }
    }
  }
  if (!wanted) {  // !!str and everything unknown: the text, as go-yaml decodes them into an untyped
                  // value
    return Node::String(std::string(text), mark);
  }
  Node node = ResolvePlainScalar(text);
  if (wanted == Kind::kFloat && node.kind() == Kind::kInt) {
    node = Node::Float(static_cast<double>(node.int_value()));
    node.set_text(std::string(text));
  }
  node.set_mark(mark);
  if (node.kind() != *wanted) {
    return Fail(mark, fmt::format("cannot decode !!str `{}` as a !!{}", text, tag));
  }
  return node;
}

Result<Node> Composer::ComposeList(const Mark& mark, size_t depth) {
  Node list = Node::List({}, mark);
  for (;;) {
    Event event;
    RETURN_IF_ERROR(Next(event));
    if (event.raw.type == YAML_SEQUENCE_END_EVENT) {
      return list;
    }
    ASSIGN_OR_RETURN(Node item, Compose(event, depth + 1));
    list.list().push_back(std::move(item));
  }
}

Result<Node> Composer::ComposeMap(const Mark& mark, size_t depth) {
  Node map = Node::Map(mark);
  std::vector<Node> merges;
  std::map<std::string, Mark, std::less<>> seen;
  for (;;) {
    Event key;
    RETURN_IF_ERROR(Next(key));
    if (key.raw.type == YAML_MAPPING_END_EVENT) {
      break;
    }
    const Mark key_mark = MarkAt(key.raw.start_mark);
    if (key.raw.type != YAML_SCALAR_EVENT && key.raw.type != YAML_ALIAS_EVENT) {
      return Fail(key_mark, "a map key must be a scalar");
    }
    const size_t merges_before = merges.size();
    RETURN_IF_ERROR(AddEntry(map, merges, key, depth));
    const std::string name = merges.size() > merges_before ? "<<" : map.map().back().key;
    if (const auto [it, added] = seen.try_emplace(name, key_mark); !added) {
      return Fail(key_mark, fmt::format("mapping key \"{}\" already defined at {}", name,
                                        it->second.ToString()));
    }
    if (seen.size() > kMapEntriesMax) {
      return Fail(key_mark, fmt::format("a map with more than {} keys", kMapEntriesMax));
    }
  }
  RETURN_IF_ERROR(Merge(map, merges));
  return map;
}

// Reads a key and its value; the value of a merge key goes to `merges`.
Status Composer::AddEntry(Node& map, std::vector<Node>& merges, const Event& key, size_t depth) {
  const bool is_merge = key.raw.type == YAML_SCALAR_EVENT && key.raw.data.scalar.tag == nullptr &&
                        key.raw.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                        TextOf(key.raw.data.scalar.value) == "<<";
  const Mark key_mark = MarkAt(key.raw.start_mark);
  ASSIGN_OR_RETURN(const Node name, Compose(key, depth + 1));
  if (!name.is_scalar()) {
    return Fail(key_mark, "a map key must be a scalar");
  }
  Event event;
  RETURN_IF_ERROR(Next(event));
  ASSIGN_OR_RETURN(Node value, Compose(event, depth + 1));
  if (!is_merge) {
    map.map().push_back(
        {.key = name.text(), .key_mark = key_mark, .value = std::move(value), .comment = ""});
    return OkStatus();
  }
  if (value.is_map()) {
    value = Node::List({std::move(value)}, key_mark);
  }
  const bool all_maps = value.is_list() && std::ranges::all_of(value.list(), &Node::is_map);
  if (!all_maps) {
    return Fail(key_mark, "map merge requires map or sequence of maps as the value");
  }
  merges.push_back(std::move(value));
  return OkStatus();
}

// Keys written out win over merged ones, earlier merged maps over later ones.
Status Composer::Merge(Node& map, std::vector<Node>& merges) {
  std::map<std::string, bool, std::less<>> have;
  for (const MapEntry& entry : map.map()) {
    have[entry.key] = true;
  }
  for (Node& merge : merges) {
    for (Node& source : merge.list()) {
      for (MapEntry& entry : source.map()) {
        if (have.try_emplace(entry.key, true).second) {
          map.map().push_back(std::move(entry));
        }
      }
    }
  }
  return map.map().size() <= kMapEntriesMax
             ? OkStatus()
             : Fail(map.mark(), fmt::format("a map with more than {} keys", kMapEntriesMax));
}

}  // namespace

Result<Node> ParseYaml(std::string_view text, std::string_view file_name) {
  return Composer(text, file_name).ComposeDocument();
}

}  // namespace gapless::config
