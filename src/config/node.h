// Node: a configuration value with the place it was written at. A default one is null.
//
// The tree is what YAML, environment variables, merging and expansion produce and what field tables
// (fields.h) read. Value type: a copy is deep. Depth and size are bounded where trees are made
// (limits.h), so recursion over a tree is safe. Not thread-safe to change; free to read from many
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

// Separates the keys of a path (`exporters::otlp/a::tls`).
inline constexpr std::string_view kPathSeparator = "::";

// Where a value was written. Lines and columns count from 1; line 0: no place is known (a default,
// a built value).
struct Mark {
  std::shared_ptr<const std::string> file;
  uint32_t line = 0;
  uint32_t column = 0;

  bool known() const { return line != 0; }
  // "file:line:column"; only the file, or empty, if the place is not known.
  std::string ToString() const;
};

enum class Kind : uint8_t { kNull, kBool, kInt, kFloat, kString, kList, kMap };

// The names that upstream's errors use: "<nil>", "bool", "int", "float64", "string", "[]interface
// {}", "map[string]interface {}".
std::string_view GoTypeName(Kind kind);
// Go's name of the kind alone: "slice" for every list, "map" for every map, else as GoTypeName.
std::string_view GoKindName(Kind kind);

struct MapEntry;

class Node {
 public:
  static Node Null(Mark mark = {});
  static Node Bool(bool value, Mark mark = {});
  static Node Int(int64_t value, Mark mark = {});
  static Node Float(double value, Mark mark = {});
  static Node String(std::string value, Mark mark = {});
  static Node List(std::vector<Node> items, Mark mark = {});
  static Node Map(Mark mark = {});

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_list() const { return kind_ == Kind::kList; }
  bool is_map() const { return kind_ == Kind::kMap; }
  bool is_scalar() const { return !is_list() && !is_map(); }

  const Mark& mark() const { return mark_; }
  void set_mark(Mark mark) { mark_ = std::move(mark); }

  // Preconditions: the kind.
  bool bool_value() const;
  int64_t int_value() const;
  double float_value() const;
  // The value of a string; of any other scalar, and of a value that came whole from `${…}`, the
  // text it was written as.
  const std::string& text() const { return text_; }
  void set_text(std::string text) { text_ = std::move(text); }

  // True if the whole value came from `${…}`: then a field of type string takes text(), whatever
  // the kind.
  bool expanded() const { return expanded_; }
  void set_expanded(bool expanded) { expanded_ = expanded; }

  // Empty for every other kind.
  const std::vector<Node>& list() const { return list_; }
  std::vector<Node>& list() { return list_; }
  const std::vector<MapEntry>& map() const { return map_; }
  std::vector<MapEntry>& map() { return map_; }

  // The value of a key of this map, or null if it has none or this is no map.
  const Node* Find(std::string_view key) const;
  Node* Find(std::string_view key);
  // Replaces or appends. Precondition: a map. Returns the stored value.
  Node& Set(std::string_view key, Node value);

 private:
  Mark mark_;
  std::string text_;
  std::vector<Node> list_;
  std::vector<MapEntry> map_;
  union {
    bool bool_;
    int64_t int_ = 0;
    double float_;
  };
  Kind kind_ = Kind::kNull;
  bool expanded_ = false;
};

struct MapEntry {
  std::string key;
  Mark key_mark;
  Node value;
  std::string comment;  // written above the entry by ToYaml; may have several lines
};

// Equal kinds and values, map order included; places, comments and the written text are not
// compared.
bool operator==(const Node& a, const Node& b);

// The entry of a key, or null as Find.
const MapEntry* FindEntry(const Node& map, std::string_view key);
// Follows a path of keys separated by `::`; the empty path is the node itself.
const Node* FindPath(const Node& node, std::string_view path);

// Levels of lists and maps: 0 for a scalar, 1 for a list of scalars.
size_t HeightOf(const Node& node);
// This value and all values within it.
size_t CountNodes(const Node& node);

// "a::b"; either part may be empty.
std::string JoinPath(std::string_view parent, std::string_view key);

}  // namespace gapless::config
