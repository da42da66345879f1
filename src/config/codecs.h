// The codecs that exist, and how containers of any type are reached through pointers (so that their
// code is compiled once, in the .cc files, and not per config struct).
#pragma once

#include "base/component_id.h"
#include "config/codec.h"
#include "config/secret.h"
#include "config/table.h"
#include "config/units.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gapless::config {

CodecPtr BuiltinCodec(std::type_identity<bool>);
CodecPtr BuiltinCodec(std::type_identity<int32_t>);
CodecPtr BuiltinCodec(std::type_identity<int64_t>);
CodecPtr BuiltinCodec(std::type_identity<uint16_t>);
CodecPtr BuiltinCodec(std::type_identity<uint32_t>);
CodecPtr BuiltinCodec(std::type_identity<uint64_t>);
CodecPtr BuiltinCodec(std::type_identity<double>);
CodecPtr BuiltinCodec(std::type_identity<Duration>);
CodecPtr BuiltinCodec(std::type_identity<std::string>);
CodecPtr BuiltinCodec(std::type_identity<Secret>);
CodecPtr BuiltinCodec(std::type_identity<HeaderMap>);
CodecPtr BuiltinCodec(std::type_identity<ComponentId>);
CodecPtr BuiltinCodec(std::type_identity<ByteSize>);
CodecPtr BuiltinCodec(std::type_identity<ByteRate>);
CodecPtr BuiltinCodec(std::type_identity<Percent>);
CodecPtr BuiltinCodec(std::type_identity<SizeOrPercent>);
CodecPtr BuiltinCodec(std::type_identity<Node>);

struct EnumName {
  std::string_view name;
  int64_t value;
};
struct EnumOps {
  int64_t (*get)(const void* e);
  void (*set)(void* e, int64_t value);
};
struct EnumStyle {
  std::string_view refusal = "unsupported value";  // in the error: <refusal> "x"
  bool ignore_case = false;
};
CodecPtr MakeEnumCodec(EnumOps ops, std::vector<EnumName> names, EnumStyle style);

CodecPtr MakeStructCodec(const TableBase& table);

struct ListOps {
  void (*clear)(void* list);
  void* (*append)(void* list);
  size_t (*size)(const void* list);
  const void* (*at)(const void* list, size_t index);
};
// A single string is split at ','.
CodecPtr MakeListCodec(ListOps ops, CodecPtr element);

struct MapOps {
  void (*clear)(void* map);
  // The value of a new key, or null and the reason: a malformed or repeated key.
  void* (*insert)(void* map, const std::string& key, std::string* error);
  void (*each)(const void* map, void* data,
               void (*visit)(void* data, const std::string& key, const void* value));
};
CodecPtr MakeMapCodec(MapOps ops, CodecPtr element);

struct OptionalOps {
  void* (*emplace)(void* optional);
  const void* (*get)(const void* optional);  // null: empty
};
CodecPtr MakeOptionalCodec(OptionalOps ops, CodecPtr element);

struct SectionOps {
  SectionState* (*state)(void* section);
  void* (*value)(void* section);
};
CodecPtr MakeSectionCodec(SectionOps ops, CodecPtr element);

template <typename T>
ListOps VectorOps() {
  using List = std::vector<T>;
  return {.clear = [](void* list) { static_cast<List*>(list)->clear(); },
          .append = [](void* list) -> void* { return &static_cast<List*>(list)->emplace_back(); },
          .size = [](const void* list) { return static_cast<const List*>(list)->size(); },
          .at = [](const void* list, size_t index) -> const void* {
            return &(*static_cast<const List*>(list))[index];
          }};
}

// Keys of maps: strings as they are, IDs parsed.
inline Result<std::string> ParseMapKey(std::type_identity<std::string>, const std::string& key) {
  return key;
}
inline Result<ComponentId> ParseMapKey(std::type_identity<ComponentId>, const std::string& key) {
  return ComponentId::Parse(key);
}
inline std::string MapKeyText(const std::string& key) { return key; }
inline std::string MapKeyText(const ComponentId& key) { return key.ToString(); }

template <typename K, typename T>
MapOps MapOpsOf() {
  using Map = std::map<K, T>;
  return {.clear = [](void* map) { static_cast<Map*>(map)->clear(); },
          .insert = [](void* map, const std::string& key, std::string* error) -> void* {
            auto parsed = ParseMapKey(std::type_identity<K>(), key);
            if (!parsed.ok()) {
              *error = parsed.status().message();
              return nullptr;
            }
            auto [it, added] = static_cast<Map*>(map)->try_emplace(std::move(*parsed));
            if (!added) {
              *error = "duplicate name";
              return nullptr;
            }
            return &it->second;
          },
          .each =
              [](const void* map, void* data,
                 void (*visit)(void* data, const std::string& key, const void* value)) {
                for (const auto& [key, value] : *static_cast<const Map*>(map)) {
                  visit(data, MapKeyText(key), &value);
                }
              }};
}

template <typename T>
OptionalOps OptionalOpsOf() {
  using Optional = std::optional<T>;
  return {.emplace = [](void* o) -> void* { return &static_cast<Optional*>(o)->emplace(); },
          .get = [](const void* o) -> const void* {
            const auto& optional = *static_cast<const Optional*>(o);
            return optional ? &*optional : nullptr;
          }};
}

}  // namespace gapless::config
