#include "otlp/attributes_edit.h"

#include "otlp/any_value.h"
#include "wire/proto.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace gapless::otlp {
namespace {

using wire::Field;
using wire::FieldReader;
using wire::WireType;

constexpr uint32_t kHeadNumber = 1;  // the resource in ResourceX, the scope in ScopeX
constexpr uint32_t kKey = 1;         // of KeyValue
constexpr uint32_t kValue = 2;       // of KeyValue

// The number of the field `attributes` of a message; 0: it has none.
uint32_t AttributesNumber(Message message) {
  static const auto kNumbers = [] {
    std::array<uint32_t, static_cast<size_t>(Message::kCount)> numbers = {};
    for (size_t i = 0; i < numbers.size(); ++i) {
      for (const FieldDef& field : Fields(static_cast<Message>(i))) {
        if (field.message == Message::kKeyValue && field.json == "attributes") {
          numbers[i] = field.number;
        }
      }
    }
    return numbers;
  }();
  return kNumbers[static_cast<size_t>(message)];
}

const FieldDef* MessageField(Message message, const Field& field) {
  return field.type == WireType::kBytes ? FindField(message, field.number) : nullptr;
}

class Editor {
 public:
  Editor(Slice request, AttributesOf of, AttributesVisitor& visitor)
      : patch_(std::move(request)), of_(of), visitor_(visitor), attributes_(patch_) {}

  // Writes the body of a message that holds items; false: as it was, and what was written is to be
  // cancelled. Its depth is bounded by the schema.
  bool Walk(Message type, ByteSpan body);
  bool malformed() const { return malformed_; }
  bool too_many() const { return too_many_; }
  Rope Finish() { return patch_.Finish(); }

 private:
  bool EditField(const FieldDef& def, const Field& field);
  bool EditItem(const FieldDef& def, ByteSpan item);
  bool EditResource(ByteSpan block);
  bool Visit(ByteSpan message, Message type);
  ByteSpan Head(ByteSpan body);
  void Enter(Message type, ByteSpan body);

  Patch patch_;
  const AttributesOf of_;
  AttributesVisitor& visitor_;
  AttributeList attributes_;
  AttributesPlace place_;
  bool malformed_ = false;
  bool too_many_ = false;
};

// The message in field 1, in one piece.
ByteSpan Editor::Head(ByteSpan body) {
  ByteSpan head;
  size_t pieces = 0;
  std::string joined;
  FieldReader reader(body);
  for (Field field; reader.Next(&field);) {
    if (field.is(kHeadNumber, WireType::kBytes)) {
      if (pieces++ > 0) {
        joined.append(pieces == 2 ? AsText(head) : "").append(field.text());
      }
      head = pieces == 1 ? field.bytes : head;
    }
  }
  malformed_ = malformed_ || !reader.ok();
  return pieces > 1 ? patch_.Store(std::move(joined)) : head;
}

void Editor::Enter(Message type, ByteSpan body) {
  switch (type) {
    case Message::kResourceSpans:
    case Message::kResourceMetrics:
    case Message::kResourceLogs:
      place_.resource = Head(body);
      break;
    case Message::kScopeSpans:
    case Message::kScopeMetrics:
    case Message::kScopeLogs:
      place_.scope = Head(body);
      break;
    case Message::kMetric:
      place_.metric = body;
      break;
    default:
      break;
  }
}

bool Editor::EditItem(const FieldDef& def, ByteSpan item) {
  place_.item_type = def.message;
  place_.item = item;
  if (!Visit(item, def.message)) {
    return false;
  }
  attributes_.Write(def.number, item);
  return true;
}

// Whether the attributes of a message were changed.
bool Editor::Visit(ByteSpan message, Message type) {
  if (!attributes_.Read(message, AttributesNumber(type))) {
    too_many_ = true;
    return false;
  }
  visitor_.Visit(place_, attributes_);
  return attributes_.changed();
}

// The body of a ResourceX with a changed resource in front.
bool Editor::EditResource(ByteSpan block) {
  place_.resource = Head(block);
  if (!Visit(place_.resource, Message::kResource)) {
    return false;
  }
  attributes_.Write(kHeadNumber, place_.resource);
  FieldReader reader(block);
  for (Field field; reader.Next(&field);) {
    if (!field.is(kHeadNumber, WireType::kBytes)) {
      patch_.Keep(field.raw);
    }
  }
  return true;
}

// Whether the field was written, changed.
bool Editor::EditField(const FieldDef& def, const Field& field) {
  if (!EnclosesItems(def.message)) {
    return EditItem(def, field.bytes);
  }
  const Patch::Mark mark = patch_.Begin(field.number);
  const bool resource = def.role == Role::kResource && of_ == AttributesOf::kResources;
  if (resource ? EditResource(field.bytes) : Walk(def.message, field.bytes)) {
    patch_.End(mark);
    return true;
  }
  patch_.Cancel(mark);
  return false;
}

bool Editor::Walk(Message type, ByteSpan body) {
  Enter(type, body);
  bool changed = false;
  FieldReader reader(body);
  for (Field field; reader.Next(&field);) {
    const FieldDef* def = MessageField(type, field);
    if (def != nullptr && (EnclosesItems(def->message) || def->role == Role::kItem) &&
        EditField(*def, field)) {
      changed = true;
    } else {
      patch_.Keep(field.raw);
    }
  }
  malformed_ = malformed_ || !reader.ok();
  return changed;
}

}  // namespace

bool AttributeList::Read(ByteSpan message, uint32_t number) {
  number_ = number;
  entries_.clear();
  changed_ = rewritten_ = false;
  FieldReader reader(message);
  for (Field field; reader.Next(&field);) {
    if (field.is(number, WireType::kBytes)) {
      if (entries_.size() == kAttributesMax) {
        return false;
      }
      const KeyValue pair = ReadKeyValue(field.bytes);
      entries_.push_back({.key = pair.key, .value = pair.value});
    }
  }
  return true;
}

std::optional<ByteSpan> AttributeList::Find(std::string_view key) const {
  for (const Entry& entry : entries_) {
    if (entry.key == key && entry.state != State::kRemoved) {
      return entry.value;
    }
  }
  return std::nullopt;
}

void AttributeList::SetAt(size_t index, ByteSpan value) {
  Entry& entry = entries_[index];
  if (std::ranges::equal(entry.value, value)) {
    return;
  }
  entry.value = value;
  entry.state = entry.state == State::kAdded ? State::kAdded : State::kSet;
  changed_ = rewritten_ = true;
}

void AttributeList::RemoveAt(size_t index) {
  entries_[index].state = State::kRemoved;
  changed_ = rewritten_ = true;
}

void AttributeList::Set(std::string_view key, ByteSpan value) {
  bool found = false;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].key == key && present(i)) {
      SetAt(i, value);
      found = true;
    }
  }
  if (!found) {
    entries_.push_back({.key = key, .value = value, .state = State::kAdded});
    changed_ = true;
  }
}

// Of the KeyValue.
size_t AttributeList::SizeOf(const Entry& entry) const {
  return Patch::HeaderSize(kKey, entry.key.size()) + entry.key.size() +
         Patch::HeaderSize(kValue, entry.value.size()) + entry.value.size();
}

// Of the message as Write writes it.
size_t AttributeList::SizeOf(ByteSpan message) const {
  size_t size = message.size();
  size_t index = 0;
  FieldReader reader(rewritten_ ? message : ByteSpan());
  for (Field field; reader.Next(&field);) {
    if (field.is(number_, WireType::kBytes) && entries_[index++].state != State::kAsRead) {
      size -= field.raw.size();
    }
  }
  for (const Entry& entry : entries_) {
    if (entry.state == State::kSet || entry.state == State::kAdded) {
      const size_t body = SizeOf(entry);
      size += Patch::HeaderSize(number_, body) + body;
    }
  }
  return size;
}

void AttributeList::WriteEntry(const Entry& entry) const {
  patch_.Header(number_, SizeOf(entry));
  patch_.Header(kKey, entry.key.size());
  patch_.Put(entry.key);
  patch_.Header(kValue, entry.value.size());
  patch_.Put(entry.value);
}

void AttributeList::Write(uint32_t number, ByteSpan message) const {
  patch_.Header(number, SizeOf(message));
  if (!rewritten_) {
    patch_.Keep(message);
  }
  size_t index = 0;
  FieldReader reader(rewritten_ ? message : ByteSpan());
  for (Field field; reader.Next(&field);) {
    const Entry* entry = field.is(number_, WireType::kBytes) ? &entries_[index++] : nullptr;
    if (entry == nullptr || entry->state == State::kAsRead) {
      patch_.Keep(field.raw);
    } else if (entry->state == State::kSet) {
      WriteEntry(*entry);
    }
  }
  // What was added and removed again stands behind, too.
  for (; index < entries_.size(); ++index) {
    if (entries_[index].state == State::kAdded) {
      WriteEntry(entries_[index]);
    }
  }
}

Result<std::optional<Rope>> EditAttributes(const Rope& request, Signal signal, AttributesOf of,
                                           AttributesVisitor& visitor) {
  Slice flat = request.Flatten();
  const ByteSpan body = flat.span();
  Editor editor(std::move(flat), of, visitor);
  const bool changed = editor.Walk(RequestMessage(signal), body);
  if (editor.malformed()) {
    return InvalidArgument("malformed OTLP request");
  }
  if (editor.too_many()) {
    return InvalidArgument(fmt::format("more than {} attributes in one place", kAttributesMax));
  }
  return changed ? std::optional(editor.Finish()) : std::optional<Rope>();
}

}  // namespace gapless::otlp
