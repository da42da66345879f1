// The protobuf wire format (https://protobuf.dev/programming-guides/encoding/), read and written
// without schema.
//
// Reading copies nothing: FieldReader walks one contiguous message, RopeReader walks a rope whose
// fields may lie across slices. Both take hostile input: every length is checked before use,
// varints have at most ten bytes, groups (unknown to OTLP, legal on the wire) are skipped whole
// with a bounded depth. Writing appends to a string. Value types for one thread; they view bytes
// that the caller keeps alive.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace gapless::wire {

enum class WireType : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroupStart = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

inline constexpr size_t kMaxVarintSize = 10;
inline constexpr uint32_t kMaxGroupDepth = 32;

constexpr uint32_t MakeTag(uint32_t number, WireType type) {
  return (number << 3) | static_cast<uint32_t>(type);
}
constexpr uint32_t TagNumber(uint64_t tag) { return static_cast<uint32_t>(tag >> 3); }
constexpr WireType TagType(uint64_t tag) { return static_cast<WireType>(tag & 7); }
// Field numbers are 1 .. 2^29-1; wire types 6 and 7 do not exist.
constexpr bool ValidTag(uint64_t tag) {
  return tag >= 8 && tag <= UINT32_MAX && (tag & 7) <= static_cast<uint32_t>(WireType::kFixed32);
}

constexpr size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Reads a varint at `p`; returns the byte after it, or nullptr if it is cut off at `end` or longer
// than ten bytes.
const std::byte* ReadLongVarint(const std::byte* p, const std::byte* end, uint64_t* value);
inline const std::byte* ReadVarint(const std::byte* p, const std::byte* end, uint64_t* value) {
  if (p < end && static_cast<uint8_t>(*p) < 0x80) [[likely]] {
    *value = static_cast<uint8_t>(*p);
    return p + 1;
  }
  return ReadLongVarint(p, end, value);
}
// Reads a little-endian integer; precondition: the bytes exist.
template <typename T>
T ReadFixed(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
// The byte after the group whose start tag for field `number` ends at `p`, or nullptr.
const std::byte* SkipGroup(const std::byte* p, const std::byte* end, uint32_t number,
                           uint32_t depth = 0);
// The byte after the field whose valid tag ends at `p`; nullptr if it is malformed or the end of a
// group. `depth`: of the groups around it.
const std::byte* SkipField(const std::byte* p, const std::byte* end, uint64_t tag,
                           uint32_t depth = 0);

struct Field {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;  // kVarint, kFixed64, kFixed32
  ByteSpan bytes;      // kBytes: the body; kGroupStart: the content including the end tag
  ByteSpan raw;        // the whole field with its tag

  std::string_view text() const { return AsText(bytes); }
  int64_t as_int64() const { return static_cast<int64_t>(value); }
  double as_double() const { return std::bit_cast<double>(value); }
  bool is(uint32_t field_number, WireType wire_type) const {
    return number == field_number && type == wire_type;
  }
};

// The fields of one message in contiguous memory.
//   for (Field field; reader.Next(&field);) …
//   RETURN_IF_ERROR(reader.status());
class FieldReader {
 public:
  explicit FieldReader(ByteSpan message)
      : begin_(message.data()), p_(message.data()), end_(message.data() + message.size()) {}

  // False at the end and at the first malformed field.
  bool Next(Field* field);
  bool ok() const { return ok_; }
  // OK, or INVALID_ARGUMENT with the offset of the malformed field.
  Status status() const;
  size_t offset() const { return static_cast<size_t>(p_ - begin_); }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }
  const std::byte* begin_;
  const std::byte* p_;
  const std::byte* end_;
  bool ok_ = true;
};

// Where a field of a rope lies. Offsets count from the start of the rope.
struct FieldPlace {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;  // kVarint, kFixed64, kFixed32
  size_t start = 0;    // of the tag
  size_t body = 0;     // kBytes: of the body; else equal to end
  size_t end = 0;      // after the field

  size_t body_size() const { return end - body; }
};

// A cursor over a rope. It never flattens: fields inside one slice are read in place, others byte
// by byte.
class RopeReader {
 public:
  explicit RopeReader(const Rope& rope);

  size_t offset() const { return base_ + static_cast<size_t>(p_ - slice_begin_); }
  bool at_end() const { return offset() == size_; }
  // The bytes from here to the end of the current slice; empty only at the end.
  ByteSpan chunk() const { return {p_, slice_end_}; }

  // Reads the tag and, by type, the value or the length, and stands before the body of a kBytes
  // field (Skip it or walk into it) or after the field. A group is skipped whole and comes back as
  // kGroupStart. `limit` is the end of the enclosing message: no field reaches beyond it. False if
  // malformed; the offset is then anywhere in the field. Precondition: offset() < limit <= size of
  // the rope.
  bool ReadPlace(size_t limit, FieldPlace* place);
  // False if fewer than `count` bytes are left.
  bool Skip(size_t count);
  // Copies the next `count` bytes and moves past them; false if fewer are left.
  bool Read(std::byte* out, size_t count);

 private:
  bool ReadVarintSlow(size_t limit, uint64_t* value);
  bool ReadVarintTo(size_t limit, uint64_t* value);
  bool SkipGroupContent(size_t limit, uint32_t number, uint32_t depth);
  void Settle();

  const Rope& rope_;
  size_t size_;
  size_t index_ = 0;
  size_t base_ = 0;  // offset of slice_begin_
  const std::byte* slice_begin_ = nullptr;
  const std::byte* p_ = nullptr;
  const std::byte* slice_end_ = nullptr;
};

// Writes `value` at `out`, which has room for it, and returns the byte after it.
std::byte* WriteVarint(std::byte* out, uint64_t value);

// Appends fields to a string, in any order. Submessages: Begin, write the fields, End.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(*out) {}

  void Varint(uint32_t number, uint64_t value);
  void Int64(uint32_t number, int64_t value) { Varint(number, static_cast<uint64_t>(value)); }
  void Fixed64(uint32_t number, uint64_t value);
  void Fixed32(uint32_t number, uint32_t value);
  void Double(uint32_t number, double value) { Fixed64(number, std::bit_cast<uint64_t>(value)); }
  void Bytes(uint32_t number, ByteSpan bytes) { Bytes(number, AsText(bytes)); }
  void Bytes(uint32_t number, std::string_view bytes);
  // A field as read elsewhere, with its tag.
  void Raw(ByteSpan field) { out_.append(AsText(field)); }

  // Returns a mark for End. The length is filled in at End; a long body then moves by up to nine
  // bytes.
  [[nodiscard]] size_t Begin(uint32_t number);
  void End(size_t mark);

  void RawVarint(uint64_t value);
  void Tag(uint32_t number, WireType type) { RawVarint(MakeTag(number, type)); }

 private:
  std::string& out_;
};

// Makes tag-and-length headers for bodies that live in other slices; many headers share one slab.
class HeaderMaker {
 public:
  Slice Make(uint32_t number, size_t body_size);

 private:
  SlabRef slab_;
  size_t used_ = 0;
};

}  // namespace gapless::wire
