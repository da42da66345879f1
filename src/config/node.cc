#include "config/node.h"

#include "base/check.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::config {

std::string Mark::ToString() const {
  if (!known()) {
    return file ? *file : std::string();
  }
  return fmt::format("{}:{}:{}", file ? *file : std::string("config"), line, column);
}

std::string_view GoTypeName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "<nil>";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float64";
    case Kind::kString:
      return "string";
    case Kind::kList:
      return "[]interface {}";
    case Kind::kMap:
      return "map[string]interface {}";
  }
  return "";
}

std::string_view GoKindName(Kind kind) {
  switch (kind) {
    case Kind::kList:
      return "slice";
    case Kind::kMap:
      return "map";
    default:
      return GoTypeName(kind);
  }
}

Node Node::Null(Mark mark) {
  Node node;
  node.mark_ = std::move(mark);
  return node;
}

Node Node::Bool(bool value, Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kBool;
  node.bool_ = value;
  node.text_ = value ? "true" : "false";
  return node;
}

Node Node::Int(int64_t value, Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kInt;
  node.int_ = value;
  node.text_ = std::to_string(value);
  return node;
}

Node Node::Float(double value, Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kFloat;
  node.float_ = value;
  node.text_ = fmt::format("{}", value);
  return node;
}

Node Node::String(std::string value, Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kString;
  node.text_ = std::move(value);
  return node;
}

Node Node::List(std::vector<Node> items, Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kList;
  node.list_ = std::move(items);
  return node;
}

Node Node::Map(Mark mark) {
  Node node = Null(std::move(mark));
  node.kind_ = Kind::kMap;
  return node;
}

bool Node::bool_value() const {
  GAPLESS_CHECK(kind_ == Kind::kBool);
  return bool_;
}

int64_t Node::int_value() const {
  GAPLESS_CHECK(kind_ == Kind::kInt);
  return int_;
}

double Node::float_value() const {
  GAPLESS_CHECK(kind_ == Kind::kFloat);
  return float_;
}

const MapEntry* FindEntry(const Node& map, std::string_view key) {
  for (const MapEntry& entry : map.map()) {
    if (entry.key == key) {
      return &entry;
    }
  }
  return nullptr;
}

const Node* Node::Find(std::string_view key) const {
  const MapEntry* entry = FindEntry(*this, key);
  return entry != nullptr ? &entry->value : nullptr;
}

Node* Node::Find(std::string_view key) {
  for (MapEntry& entry : map_) {
    if (entry.key == key) {
      return &entry.value;
    }
  }
  return nullptr;
}

const Node* FindPath(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (node != nullptr && !path.empty()) {
    const size_t end = path.find(kPathSeparator);
    node = node->Find(path.substr(0, end));
    path = end == std::string_view::npos ? "" : path.substr(end + kPathSeparator.size());
  }
  return node;
}

Node& Node::Set(std::string_view key, Node value) {
  GAPLESS_CHECK(is_map());
  if (Node* old = Find(key)) {
    *old = std::move(value);
    return *old;
  }
  map_.push_back({.key = std::string(key),
                  .key_mark = value.mark(),
                  .value = std::move(value),
                  .comment = ""});
  return map_.back().value;
}

bool operator==(const Node& a, const Node& b) {
  if (a.kind() != b.kind()) {
    return false;
  }
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.bool_value() == b.bool_value();
    case Kind::kInt:
      return a.int_value() == b.int_value();
    case Kind::kFloat:
      return a.float_value() == b.float_value() ||
             (a.float_value() != a.float_value() && b.float_value() != b.float_value());
    case Kind::kString:
      return a.text() == b.text();
    case Kind::kList:
      return a.list() == b.list();
    case Kind::kMap:
      break;
  }
  if (a.map().size() != b.map().size()) {
    return false;
  }
  for (size_t i = 0; i < a.map().size(); ++i) {
    if (a.map()[i].key != b.map()[i].key || !(a.map()[i].value == b.map()[i].value)) {
      return false;
    }
  }
  return true;
}

size_t HeightOf(const Node& node) {
  size_t below = 0;
  for (const Node& item : node.list()) {
    below = std::max(below, HeightOf(item));
  }
  for (const MapEntry& entry : node.map()) {
    below = std::max(below, HeightOf(entry.value));
  }
  return node.is_scalar() ? 0 : below + 1;
}

size_t CountNodes(const Node& node) {
  size_t count = 1;
  for (const Node& item : node.list()) {
    count += CountNodes(item);
  }
  for (const MapEntry& entry : node.map()) {
    count += CountNodes(entry.value);
  }
  return count;
}

std::string JoinPath(std::string_view parent, std::string_view key) {
  if (parent.empty() || key.empty()) {
    return std::string(parent.empty() ? key : parent);
  }
  return fmt::format("{}{}{}", parent, kPathSeparator, key);
}

}  // namespace gapless::config
