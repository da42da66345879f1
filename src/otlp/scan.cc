#include "otlp/scan.h"

#include "otlp/schema.h"
#include "wire/checksum.h"
#include "wire/proto.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace gapless::otlp {
namespace {

using wire::FieldPlace;
using wire::RopeReader;
using wire::WireType;

enum class Check : uint8_t { kNone, kId16, kId8, kMessage, kResource, kPackable };

// No field has this wire type, so unknown fields take the uncommon way.
constexpr auto kUnknownType = static_cast<WireType>(7);

struct Rule {
  WireType type = kUnknownType;
  Check check = Check::kNone;
  Message message = Message::kNone;
  Role role = Role::kNone;
};

using Rules = std::array<std::array<Rule, kMaxFieldNumber>, static_cast<size_t>(Message::kCount)>;

Check CheckOf(const FieldDef& field) {
  switch (field.kind) {
    case Kind::kTraceId:
      return Check::kId16;
    case Kind::kSpanId:
      return Check::kId8;
    case Kind::kMessage:
      return field.message == Message::kResource ? Check::kResource : Check::kMessage;
    default:
      return field.repeated && WireTypeOf(field.kind) != WireType::kBytes ? Check::kPackable
                                                                          : Check::kNone;
  }
}

// What a walk looks into.
enum class Depth : uint8_t { kEverything, kItems, kResources };

bool IsWalked(Depth depth, Check check, Message message) {
  switch (depth) {
    case Depth::kEverything:
      return true;
    case Depth::kItems:
      return check != Check::kResource && (check != Check::kMessage || EnclosesItems(message));
    case Depth::kResources:
      return check == Check::kResource || message == Message::kResourceSpans ||
             message == Message::kResourceMetrics || message == Message::kResourceLogs;
  }
  std::unreachable();
}

Rules MakeRules(Depth depth) {
  Rules rules;
  for (size_t m = 0; m < rules.size(); ++m) {
    for (const FieldDef& field : Fields(static_cast<Message>(m))) {
      Rule& rule = rules[m][field.number];
      rule = {.type = WireTypeOf(field.kind),
              .check = CheckOf(field),
              .message = field.message,
              .role = field.role};
      if (!IsWalked(depth, rule.check, field.message)) {
        rule.check = Check::kNone;
      }
    }
  }
  return rules;
}

const Rules& DeepRules() {
  static const Rules rules = MakeRules(Depth::kEverything);
  return rules;
}

const Rules& CountingRules() {
  static const Rules rules = MakeRules(Depth::kItems);
  return rules;
}

const Rules& ResourceRules() {
  static const Rules rules = MakeRules(Depth::kResources);
  return rules;
}

uint8_t At(const std::byte* p) { return static_cast<uint8_t>(*p); }

// True for the usual shape of an attribute: one key, one scalar or string, lengths below 128,
// nothing else. False says nothing: the general walk decides.
inline bool IsPlainKeyValue(const std::byte* p, const std::byte* end) {
  const auto size = static_cast<size_t>(end - p);
  if (size < 4 || At(p) != 0x0a) {
    return false;
  }
  const size_t key = At(p + 1);
  if (key >= 0x80 || key + 4 > size) {
    return false;
  }
  p += 2 + key;
  const size_t value = At(p + 1);
  if (At(p) != 0x12 || value >= 0x80 || value != static_cast<size_t>(end - p) - 2 || value < 2) {
    return false;
  }
  p += 2;
  switch (At(p)) {
    case 0x0a:  // string_value
      return At(p + 1) == value - 2;
    case 0x10:  // bool_value
    case 0x18:  // int_value
      return value == 2 && At(p + 1) < 0x80;
    case 0x21:  // double_value
      return value == 9;
    default:
      return false;
  }
}

constexpr const char* kMalformed = "malformed field";
constexpr const char* kWrongType = "wrong wire type";
constexpr const char* kWrongId = "wrong length of an id";
constexpr const char* kTooDeep = "nested too deeply";

bool ValidId(Check check, size_t size) {
  return size == 0 || (check != Check::kId16 && check != Check::kId8) ||
         size == (check == Check::kId16 ? 16u : 8u);
}

// The content of a packed field.
bool ValidPacked(const Rule& rule, const std::byte* p, const std::byte* end) {
  if (rule.type == WireType::kFixed64) {
    return (end - p) % 8 == 0;
  }
  for (uint64_t value = 0; p && p < end;) {
    p = wire::ReadVarint(p, end, &value);
  }
  return p != nullptr;
}

constexpr uint32_t kResourceAttributes = 1;

// An attribute's part in the lane of its resource. Collectors write the fields of a message in
// falling order, SDKs in rising order: the same attribute counts as the same. `bytes`: a valid
// KeyValue.
uint32_t LanePartOf(ByteSpan bytes) {
  constexpr auto kValueTag = std::byte{0x12};
  if (bytes.empty() || bytes.front() != kValueTag) {
    return wire::Crc32c(bytes);
  }
  wire::FieldReader fields(bytes);
  wire::Field value;
  wire::Field key;
  const bool swapped = fields.Next(&value) && fields.Next(&key) && key.number == 1 &&
                       fields.offset() == bytes.size();
  return swapped ? wire::Crc32c(value.raw, wire::Crc32c(key.raw)) : wire::Crc32c(bytes);
}

// The lane of a resource. The sum does not depend on the order of the attributes, the factor (the
// golden ratio) spreads it over all bits. `p`: a valid Resource message.
uint64_t LaneOf(const std::byte* p, const std::byte* end) {
  uint64_t sum = 0;
  while (p && p < end) {
    uint64_t tag = 0;
    p = wire::ReadVarint(p, end, &tag);
    if (p && tag == wire::MakeTag(kResourceAttributes, WireType::kBytes)) {
      uint64_t size = 0;
      p = wire::ReadVarint(p, end, &size);
      sum += LanePartOf(ByteSpan(p, size));
      p += size;
    } else if (p) {
      p = wire::SkipField(p, end, tag);
    }
  }
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
  return uint64_t{1} << (sum * kGoldenRatio >> 58);
}

class Scanner {
 public:
  Scanner(const Rope& rope, const Rules& rules, uint32_t max_depth)
      : rope_(rope), rules_(rules), max_depth_(max_depth) {}

  Status Run(Message message);
  size_t count(Role role) const { return counts_[static_cast<size_t>(role)]; }
  uint64_t lanes() const {
    const bool undescribed = described_ < count(Role::kResource);
    return lanes_ | (undescribed ? LaneOf(nullptr, nullptr) : 0);
  }

 private:
  // Flat: a message, or field, that lies in contiguous memory.
  bool WalkFlat(const std::byte* p, const std::byte* end, Message message, uint32_t depth);
  const std::byte* WalkUncommon(const std::byte* p, const std::byte* end, uint64_t tag,
                                const Rule& rule);
  bool CheckFlatBody(const std::byte* p, size_t size, const Rule& rule, uint32_t depth);
  bool CheckFlatResource(const std::byte* p, size_t size, uint32_t depth);
  // Rope: a message that lies across slices, from where the reader stands up to `limit`.
  bool WalkRope(RopeReader& reader, size_t limit, Message message, uint32_t depth);
  bool CheckField(RopeReader& reader, const FieldPlace& place, const Rule& rule, uint32_t depth);
  bool CheckBody(RopeReader& reader, const FieldPlace& place, const Rule& rule, uint32_t depth);
  bool CheckResource(RopeReader& reader, const FieldPlace& place, uint32_t depth);
  bool CheckPackedBody(RopeReader& reader, const FieldPlace& place, const Rule& rule);

  bool Fail(const std::byte* where, const char* why) {
    bad_ = where;
    why_ = why;
    return false;
  }
  bool FailAt(size_t offset, const char* why) {
    bad_offset_ = offset;
    why_ = why;
    return false;
  }
  // Turns the place of a failure in the flat run [begin, …) at `offset` into a place in the rope.
  bool Locate(bool ok, const std::byte* begin, size_t offset) {
    if (!ok) {
      bad_offset_ = offset + static_cast<size_t>(bad_ - begin);
    }
    return ok;
  }

  const Rope& rope_;
  const Rules& rules_;
  const uint32_t max_depth_;
  std::array<size_t, 5> counts_ = {};
  uint64_t lanes_ = 0;
  size_t described_ = 0;  // resources that have a Resource message
  const std::byte* bad_ = nullptr;
  size_t bad_offset_ = 0;
  const char* why_ = "";
  // Small messages that lie across slices are copied together here; only the innermost walk uses
  // it.
  std::array<std::byte, 4096> straddle_;
};

// Unknown and packed fields. Returns the byte after the field, or nullptr after Fail.
const std::byte* Scanner::WalkUncommon(const std::byte* p, const std::byte* end, uint64_t tag,
                                       const Rule& rule) {
  const std::byte* const start = p;
  const bool packed = rule.check == Check::kPackable && wire::TagType(tag) == WireType::kBytes;
  if (rule.type != kUnknownType && !packed) {
    Fail(start, kWrongType);
    return nullptr;
  }
  if (packed) {
    uint64_t size = 0;
    p = wire::ReadVarint(p, end, &size);
    if (p && size <= static_cast<size_t>(end - p) && ValidPacked(rule, p, p + size)) {
      return p + size;
    }
    p = nullptr;
  } else {
    p = wire::SkipField(p, end, tag);
  }
  if (!p) {
    Fail(start, kMalformed);
  }
  return p;
}

inline bool Scanner::CheckFlatBody(const std::byte* p, size_t size, const Rule& rule,
                                   uint32_t depth) {
  if (rule.check == Check::kMessage) {
    if (rule.message == Message::kKeyValue && depth + 2 <= max_depth_ &&
        IsPlainKeyValue(p, p + size)) {
      return true;
    }
    return WalkFlat(p, p + size, rule.message, depth + 1);
  }
  if (rule.check == Check::kResource) {
    return CheckFlatResource(p, size, depth + 1);
  }
  return ValidId(rule.check, size) || Fail(p, kWrongId);
}

bool Scanner::CheckFlatResource(const std::byte* p, size_t size, uint32_t depth) {
  if (!WalkFlat(p, p + size, Message::kResource, depth)) {
    return false;
  }
  ++described_;
  lanes_ |= LaneOf(p, p + size);
  return true;
}

bool Scanner::WalkFlat(const std::byte* p, const std::byte* end, Message message, uint32_t depth) {
  if (depth > max_depth_) {
    return Fail(p, kTooDeep);
  }
  const auto& rules = rules_[static_cast<size_t>(message)];
  while (p < end) {
    const std::byte* const start = p;
    uint64_t tag = 0;
    p = wire::ReadVarint(p, end, &tag);
    if (!p || !wire::ValidTag(tag)) {
      return Fail(start, kMalformed);
    }
    const uint32_t number = wire::TagNumber(tag);
    const Rule rule = number < kMaxFieldNumber ? rules[number] : Rule();
    counts_[static_cast<size_t>(rule.role)] += 1;
    if (rule.type != wire::TagType(tag)) {
      p = WalkUncommon(p, end, tag, rule);
      if (!p) {
        bad_ = start;
        return false;
      }
      continue;
    }
    uint64_t value = 0;
    size_t size = 0;
    if (rule.type == WireType::kBytes) {
      p = wire::ReadVarint(p, end, &value);
      size = value;
    } else if (rule.type == WireType::kVarint) {
      p = wire::ReadVarint(p, end, &value);
    } else {
      size = rule.type == WireType::kFixed64 ? 8 : 4;
    }
    if (!p || size > static_cast<size_t>(end - p)) {
      return Fail(start, kMalformed);
    }
    if (rule.check != Check::kNone && rule.type == WireType::kBytes &&
        !CheckFlatBody(p, size, rule, depth)) {
      return false;
    }
    p += size;
  }
  return true;
}

bool Scanner::CheckPackedBody(RopeReader& reader, const FieldPlace& place, const Rule& rule) {
  const Slice body = rope_.Sub(place.body, place.body_size()).Flatten();
  if (!ValidPacked(rule, body.data(), body.data() + body.size())) {
    return FailAt(place.start, kMalformed);
  }
  return reader.Skip(place.body_size());
}

// A submessage: flat if it can be, else across slices.
bool Scanner::CheckBody(RopeReader& reader, const FieldPlace& place, const Rule& rule,
                        uint32_t depth) {
  const size_t size = place.body_size();
  if (size <= reader.chunk().size()) {
    const std::byte* begin = reader.chunk().data();
    return Locate(WalkFlat(begin, begin + size, rule.message, depth), begin, place.body) &&
           reader.Skip(size);
  }
  if (size <= straddle_.size()) {
    const std::byte* begin = straddle_.data();
    return reader.Read(straddle_.data(), size) &&
           Locate(WalkFlat(begin, begin + size, rule.message, depth), begin, place.body);
  }
  return WalkRope(reader, place.end, rule.message, depth);
}

// A resource: nearly always small and in one piece.
bool Scanner::CheckResource(RopeReader& reader, const FieldPlace& place, uint32_t depth) {
  const size_t size = place.body_size();
  const Slice body = rope_.Sub(place.body, size).Flatten();
  return Locate(CheckFlatResource(body.data(), size, depth), body.data(), place.body) &&
         reader.Skip(size);
}

bool Scanner::CheckField(RopeReader& reader, const FieldPlace& place, const Rule& rule,
                         uint32_t depth) {
  if (rule.type == kUnknownType || (place.type == rule.type && rule.type != WireType::kBytes)) {
    return reader.Skip(place.body_size());
  }
  if (place.type != WireType::kBytes) {
    return FailAt(place.start, kWrongType);
  }
  switch (rule.check) {
    case Check::kMessage:
      return CheckBody(reader, place, rule, depth + 1);
    case Check::kResource:
      return CheckResource(reader, place, depth + 1);
    case Check::kPackable:
      return CheckPackedBody(reader, place, rule);
    case Check::kNone:
    case Check::kId16:
    case Check::kId8:
      break;
  }
  if (rule.type != WireType::kBytes) {
    return FailAt(place.start, kWrongType);
  }
  return ValidId(rule.check, place.body_size()) ? reader.Skip(place.body_size())
                                                : FailAt(place.start, kWrongId);
}

bool Scanner::WalkRope(RopeReader& reader, size_t limit, Message message, uint32_t depth) {
  if (depth > max_depth_) {
    return FailAt(reader.offset(), kTooDeep);
  }
  const auto& rules = rules_[static_cast<size_t>(message)];
  while (reader.offset() < limit) {
    FieldPlace place;
    if (!reader.ReadPlace(limit, &place)) {
      return FailAt(place.start, kMalformed);
    }
    const Rule rule = place.number < kMaxFieldNumber ? rules[place.number] : Rule();
    counts_[static_cast<size_t>(rule.role)] += 1;
    if (!CheckField(reader, place, rule, depth)) {
      return false;
    }
  }
  return true;
}

Status Scanner::Run(Message message) {
  bool ok = true;
  if (rope_.slices().size() == 1) {
    const ByteSpan bytes = rope_.slices().front().span();
    ok = Locate(WalkFlat(bytes.data(), bytes.data() + bytes.size(), message, 1), bytes.data(), 0);
  } else if (!rope_.empty()) {
    RopeReader reader(rope_);
    ok = WalkRope(reader, rope_.size(), message, 1);
  }
  return ok ? OkStatus()
            : InvalidArgument(fmt::format("malformed OTLP request: {} at byte {} of {}", why_,
                                          bad_offset_, rope_.size()));
}

}  // namespace

Result<ScanResult> Scan(const Rope& request, Signal signal, const ScanLimits& limits) {
  Scanner scanner(request, DeepRules(), limits.max_depth);
  RETURN_IF_ERROR(scanner.Run(RequestMessage(signal)));
  return ScanResult{.items = scanner.count(Role::kItem),
                    .resources = scanner.count(Role::kResource),
                    .scopes = scanner.count(Role::kScope),
                    .metrics = scanner.count(Role::kMetric),
                    .lanes = scanner.lanes()};
}

Result<size_t> CountItems(const Rope& request, Signal signal) {
  Scanner scanner(request, CountingRules(), ScanLimits().max_depth);
  RETURN_IF_ERROR(scanner.Run(RequestMessage(signal)));
  return scanner.count(Role::kItem);
}

Result<uint64_t> LanesOf(const Rope& request, Signal signal) {
  Scanner scanner(request, ResourceRules(), ScanLimits().max_depth);
  RETURN_IF_ERROR(scanner.Run(RequestMessage(signal)));
  return scanner.lanes();
}

}  // namespace gapless::otlp
