// Changes the attributes of a serialized Export…ServiceRequest without decoding it: those of its
// resources, or those of its items (spans, data points of every kind, log records).
//
// Only what changes is written anew (otlp/patch.h): other fields, unknown ones included, keep their
// bytes and their order. Attributes of scopes, span events, links and exemplars are not touched. A
// resource that comes in several pieces (legal protobuf) is joined when it changes. Pure; any
// thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/patch.h"
#include "otlp/schema.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::otlp {

// The attributes of one resource or item, in order. OTLP forbids a key to occur twice; where one
// does, every occurrence is changed, so that nothing survives a removal.
class AttributeList {
 public:
  explicit AttributeList(Patch& patch) : patch_(patch) {}

  // From the field `number` of a message, which stays valid while the list is used. False: too
  // many.
  bool Read(ByteSpan message, uint32_t number);

  size_t size() const { return entries_.size(); }
  // False: removed.
  bool present(size_t index) const { return entries_[index].state != State::kRemoved; }
  std::string_view key(size_t index) const { return entries_[index].key; }
  // A serialized AnyValue; empty: none.
  ByteSpan value(size_t index) const { return entries_[index].value; }
  // The value of the first attribute of that name.
  std::optional<ByteSpan> Find(std::string_view key) const;

  // Keys and values stay valid until the edit ends: texts of the configuration, values of this
  // list, or what Store returns.
  void SetAt(size_t index, ByteSpan value);
  void RemoveAt(size_t index);
  // Replaces the value, or appends the attribute.
  void Set(std::string_view key, ByteSpan value);
  ByteSpan Store(std::string bytes) { return patch_.Store(std::move(bytes)); }

  bool changed() const { return changed_; }
  // The message that was read, with its attributes as they are now, as field `number`.
  void Write(uint32_t number, ByteSpan message) const;

 private:
  enum class State : uint8_t { kAsRead, kSet, kAdded, kRemoved };
  struct Entry {
    std::string_view key;
    ByteSpan value;
    State state = State::kAsRead;
  };
  size_t SizeOf(ByteSpan message) const;
  size_t SizeOf(const Entry& entry) const;
  void WriteEntry(const Entry& entry) const;

  Patch& patch_;
  uint32_t number_ = 0;
  std::vector<Entry> entries_;
  bool changed_ = false;
  bool rewritten_ = false;  // an attribute that was read has changed
};

// Serialized messages around the attributes.
struct AttributesPlace {
  ByteSpan resource;                   // Resource; empty: none
  ByteSpan scope;                      // InstrumentationScope; items only
  ByteSpan metric;                     // Metric; data points only
  Message item_type = Message::kNone;  // items only
  ByteSpan item;                       // items only
};

class AttributesVisitor {
 public:
  virtual ~AttributesVisitor() = default;
  virtual void Visit(const AttributesPlace& place, AttributeList& attributes) = 0;
};

enum class AttributesOf : uint8_t { kResources, kItems };

// Of one resource or item: hostile requests of tiny attributes must not cost many times their size.
inline constexpr size_t kAttributesMax = 100'000;

// Shows every resource or item to the visitor. None: nothing was changed. INVALID_ARGUMENT when the
// request is malformed (a scanned one is not) or has too many attributes in one place.
Result<std::optional<Rope>> EditAttributes(const Rope& request, Signal signal, AttributesOf of,
                                           AttributesVisitor& visitor);

}  // namespace gapless::otlp
