#include "otlp/attributes_edit.h"

#include "otlp/any_value.h"
#include "wire/proto.h"

#include <algorithm>
#include <array>
#include <utility>

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
  Rope Finish() const { return patch_.Finish(); }

 private:
  bool EditField(const FieldDef& def, const Field& field);
  bool EditItem(const FieldDef& def, ByteSpan item);
  bool EditResource(ByteSpan block);
  ByteSpan Head(ByteSpan body);
  void Enter(Message type, ByteSpan body);

  Patch patch_;
  const AttributesOf of_;
  AttributesVisitor& visitor_;
  AttributeList attributes_;
  AttributesPlace place_;
  bool malformed_ = false;
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
  attributes_.Read(item, AttributesNumber(def.message));
  visitor_.Visit(place_, attributes_);
  if (attributes_.changed()) {
    attributes_.Write(item);
  }
  return attributes_.changed();
}

// The body of a ResourceX with a changed resource in front.
bool Editor::EditResource(ByteSpan block) {
  place_.resource = Head(block);
  attributes_.Read(place_.resource, AttributesNumber(Message::kResource));
  visitor_.Visit(place_, attributes_);
  if (!attributes_.changed()) {
    return false;
  }
  const Patch::Mark mark = patch_.Begin(kHeadNumber);
  attributes_.Write(place_.resource);
  patch_.End(mark);
  FieldReader reader(block);
  for (Field field; reader.Next(&field);) {
    if (!field.is(kHeadNumber, WireType::kBytes)) {
      patch_.Keep(field.raw);
    }
  }
  return true;
}

// Whether the body of the field was written, changed.
bool Editor::EditField(const FieldDef& def, const Field& field) {
  if (def.role == Role::kResource && of_ == AttributesOf::kResources) {
    return EditResource(field.bytes);
  }
  if (EnclosesItems(def.message)) {
    return Walk(def.message, field.bytes);
  }
  return EditItem(def, field.bytes);
}

bool Editor::Walk(Message type, ByteSpan body) {
  Enter(type, body);
  bool changed = false;
  FieldReader reader(body);
  for (Field field; reader.Next(&field);) {
    const FieldDef* def = MessageField(type, field);
    if (def == nullptr || (!EnclosesItems(def->message) && def->role != Role::kItem)) {
      patch_.Keep(field.raw);
      continue;
    }
    const Patch::Mark mark = patch_.Begin(field.number);
    if (EditField(*def, field)) {
      patch_.End(mark);
      changed = true;
    } else {
      patch_.Cancel(mark);
      patch_.Keep(field.raw);
    }
  }
  malformed_ = malformed_ || !reader.ok();
  return changed;
}

}  // namespace

void AttributeList::Read(ByteSpan message, uint32_t number) {
  number_ = number;
  entries_.clear();
  changed_ = rewritten_ = false;
  FieldReader reader(message);
  for (Field field; reader.Next(&field);) {
    if (field.is(number, WireType::kBytes)) {
      const KeyValue pair = ReadKeyValue(field.bytes);
      entries_.push_back({.key = pair.key, .value = pair.value});
    }
  }
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

void AttributeList::WriteEntry(const Entry& entry) const {
  const Patch::Mark attribute = patch_.Begin(number_);
  patch_.Header(kKey, entry.key.size());
  patch_.Put(entry.key);
  patch_.Header(kValue, entry.value.size());
  patch_.Put(entry.value);
  patch_.End(attribute);
}

void AttributeList::Write(ByteSpan message) const {
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
  return changed ? std::optional(editor.Finish()) : std::optional<Rope>();
}

}  // namespace gapless::otlp
