// Field tables: one description of a config struct for decoding, unknown keys, defaults,
// validation, printing and documentation.
//
//   struct RetryConfig {
//     bool enabled = true;
//     Duration initial_interval = 5s;
//     double multiplier = 1.5;
//   };
//
//   const Table<RetryConfig>& RetryTable() {
//     static const Table<RetryConfig> table = {
//         Field("enabled", &RetryConfig::enabled, "Retry at all."),
//         Field("initial_interval", &RetryConfig::initial_interval, "First wait.").Min(0),
//         Field("multiplier", &RetryConfig::multiplier, "Growth of the wait."),
//     };
//     return table;
//   }
//
// Types of members: bool, int32_t, int64_t, uint16_t, uint32_t, uint64_t, double, Duration,
// std::string, Secret, ComponentId, HeaderMap, ByteSize, ByteRate, Percent, Node (as written),
// std::optional<T> (null without a key), std::vector<T>, std::map<std::string, T>,
// std::map<ComponentId, T>, enums (with Enum), structs (with their table), Section<T> (an optional
// part that can be on or off), and vectors, maps and optionals of structs.
#pragma once

#include "base/component_id.h"
#include "base/status.h"
#include "config/codec.h"
#include "config/codecs.h"
#include "config/secret.h"
#include "config/table.h"
#include "config/units.h"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gapless::config {

// A part of a config that is on or off. Absent: as initialised (off, or on with
// `Section<T>::On()`). A map or null turns it on, a generic key `enabled: bool` inside it has the
// last word.
template <typename T>
struct Section : SectionState {
  T value{};

  static Section On() {
    Section section;
    section.enabled = true;
    return section;
  }
  explicit operator bool() const { return enabled; }
  T* operator->() { return &value; }
  const T* operator->() const { return &value; }
  bool operator==(const Section&) const = default;
  T& operator*() { return value; }
  const T& operator*() const { return value; }
};

// One row of the table of struct C; made by Field and Squash.
template <typename C>
class FieldOf {
 public:
  explicit FieldOf(Row row) : row_(std::move(row)) {}

  // Bounds, in the unit of the type: a count, nanoseconds, bytes.
  FieldOf Min(int64_t min) && {
    row_.min = min;
    return std::move(*this);
  }
  FieldOf Min(Duration min) && { return std::move(*this).Min(min.count()); }
  FieldOf Max(int64_t max) && {
    row_.max = max;
    return std::move(*this);
  }
  FieldOf Max(Duration max) && { return std::move(*this).Max(max.count()); }
  // Still read, with a warning that adds `advice`; neither printed nor documented as a key to use.
  FieldOf Deprecated(std::string_view advice) && {
    row_.deprecated = advice;
    return std::move(*this);
  }
  const Row& row() const { return row_; }

 private:
  Row row_;
};

namespace internal {

// Where a member lies in its struct; tables need default-constructible structs anyway, for their
// defaults.
template <typename C, typename M>
size_t OffsetOf(M C::* member) {
  static const C sample{};
  return static_cast<size_t>(reinterpret_cast<const char*>(&(sample.*member)) -
                             reinterpret_cast<const char*>(&sample));
}

template <typename C, typename M>
FieldOf<C> MakeField(std::string_view key, M C::* member, CodecPtr codec, std::string_view doc) {
  Row row;
  row.key = key;
  row.doc = doc;
  row.offset = OffsetOf(member);
  row.codec = std::move(codec);
  return FieldOf<C>(std::move(row));
}

}  // namespace internal

// Checks one struct after decoding; runs for every struct that is in use, nested ones included.
template <typename C>
using Validator = void (*)(const C& value, Checker& checker);

// Keeps references to the tables it was made with and to the key and doc texts (literals): make it
// a function-local static and never a temporary.
template <typename C>
class Table final : public TableBase {
 public:
  Table(std::initializer_list<FieldOf<C>> fields, Validator<C> validator = nullptr)
      : validator_(validator) {
    for (const FieldOf<C>& field : fields) {
      Add(field.row());
    }
  }
  const void* defaults() const override {
    static const C value{};
    return &value;
  }
  void RunValidator(const void* value, Checker& checker) const override {
    if (validator_ != nullptr) {
      validator_(*static_cast<const C*>(value), checker);
    }
  }

 private:
  Validator<C> validator_;
};

// Codecs of types made of other types. `leaf` is the codec of the innermost struct or enum, or
// NoLeaf.
struct NoLeaf {};

template <typename M>
concept HasBuiltinCodec = requires { BuiltinCodec(std::type_identity<M>()); };

template <typename M>
struct CodecMaker {
  static CodecPtr Make(const CodecPtr& leaf) { return leaf; }
  static CodecPtr Make(NoLeaf) {
    static_assert(HasBuiltinCodec<M>,
                  "this type needs its table or codec as third argument of Field");
    return BuiltinCodec(std::type_identity<M>());
  }
};
template <typename T>
struct CodecMaker<std::vector<T>> {
  static CodecPtr Make(const auto& leaf) {
    return MakeListCodec(VectorOps<T>(), CodecMaker<T>::Make(leaf));
  }
};
template <typename K, typename T>
struct CodecMaker<std::map<K, T>> {
  static CodecPtr Make(const auto& leaf) {
    return MakeMapCodec(MapOpsOf<K, T>(), CodecMaker<T>::Make(leaf));
  }
};
template <typename T>
struct CodecMaker<std::optional<T>> {
  static CodecPtr Make(const auto& leaf) {
    return MakeOptionalCodec(OptionalOpsOf<T>(), CodecMaker<T>::Make(leaf));
  }
};
template <typename T>
struct CodecMaker<Section<T>> {
  static CodecPtr Make(const auto& leaf) {
    return MakeSectionCodec(
        SectionOps{.state = [](void* s) -> SectionState* { return static_cast<Section<T>*>(s); },
                   .value = [](void* s) -> void* { return &static_cast<Section<T>*>(s)->value; }},
        CodecMaker<T>::Make(leaf));
  }
};

// A key whose type says how it is read.
template <typename C, typename M>
FieldOf<C> Field(std::string_view key, M C::* member, std::string_view doc) {
  return internal::MakeField(key, member, CodecMaker<M>::Make(NoLeaf()), doc);
}

// A key of struct type (or Section, vector, map, optional of it), read by `table`.
template <typename C, typename M, typename S>
FieldOf<C> Field(std::string_view key, M C::* member, const Table<S>& table, std::string_view doc) {
  return internal::MakeField(key, member, CodecMaker<M>::Make(MakeStructCodec(table)), doc);
}

// A key with its own codec, e.g. of an enum: Field("sizer", &C::sizer, Enum<Sizer>({{"items",
// Sizer::kItems}}), "…").
template <typename C, typename M>
FieldOf<C> Field(std::string_view key, M C::* member, const CodecPtr& codec, std::string_view doc) {
  return internal::MakeField(key, member, CodecMaker<M>::Make(codec), doc);
}

// The keys of `table` as keys of this struct.
template <typename C, typename S>
FieldOf<C> Squash(S C::* member, const Table<S>& table) {
  Row row;
  row.offset = internal::OffsetOf(member);
  row.squashed = &table;
  return FieldOf<C>(std::move(row));
}

// A member that learns which keys were written out in this struct's map.
template <typename C>
FieldOf<C> Written(WrittenKeys C::* member) {
  Row row;
  row.offset = internal::OffsetOf(member);
  row.is_written_keys = true;
  return FieldOf<C>(std::move(row));
}

template <typename E>
CodecPtr Enum(std::initializer_list<std::pair<std::string_view, E>> names, EnumStyle style = {}) {
  std::vector<EnumName> rows;
  rows.reserve(names.size());
  for (const auto& [name, value] : names) {
    rows.push_back({.name = name, .value = static_cast<int64_t>(value)});
  }
  return MakeEnumCodec(
      EnumOps{.get = [](const void* e) { return static_cast<int64_t>(*static_cast<const E*>(e)); },
              .set = [](void* e, int64_t value) { *static_cast<E*>(e) = static_cast<E>(value); }},
      std::move(rows), style);
}

// Reads `node` (null: nothing written) over the defaults already in `out`. `path`: for messages.
// Every problem is added to `errors`; `out` is then not fit for use. Does not validate. `name`:
// what messages call the top ("'service.telemetry' has invalid keys: x"); components have none.
template <typename C>
void Decode(const Table<C>& table, const Node& node, std::string_view path, C& out, Errors& errors,
            std::string_view name = "") {
  DecodeStruct(table, node, path, &out, errors, name);
}

// Runs the validators of the struct and of everything nested in it that is in use.
template <typename C>
void Validate(const Table<C>& table, const C& value, const Node& node, std::string_view path,
              Errors& errors) {
  ValidateStruct(table, &value, node, path, errors);
}

// All keys with their values, defaults included; reads back as an equal struct.
template <typename C>
Node Print(const Table<C>& table, const C& value, Secrets secrets) {
  return PrintStruct(table, &value, secrets);
}

}  // namespace gapless::config
