#include "otlp/json_encode.h"

#include "wire/json_writer.h"
#include "wire/proto.h"

#include <algorithm>

namespace gapless::otlp {
namespace {

using wire::Field;
using wire::FieldReader;
using wire::JsonWriter;
using wire::WireType;

constexpr uint32_t kMaxDepth = 100;
constexpr size_t kMaxFields = 16;

Status Malformed() { return InvalidArgument("malformed OTLP request"); }

// The occurrences of one field in a message: where the first and the last begin.
struct Seen {
  const std::byte* first;
  const std::byte* last;
  size_t count;
};

// The field that begins at `at`; precondition: the message has been surveyed.
Field ReadAt(ByteSpan message, const std::byte* at) {
  Field field;
  FieldReader(message.subspan(static_cast<size_t>(at - message.data()))).Next(&field);
  return field;
}

bool Zero(const FieldDef& def, const Field& field) {
  if (field.type == WireType::kBytes) {
    return field.bytes.empty();
  }
  return def.kind == Kind::kDouble ? field.as_double() == 0 : field.value == 0;
}

bool Packable(Kind kind) {
  return kind == Kind::kFixed64 || kind == Kind::kDouble || kind == Kind::kUint64;
}

class Encoder {
 public:
  explicit Encoder(std::string* out) : json_(out) {}

  Status Object(ByteSpan bytes, Message message, uint32_t depth);

 private:
  Status Survey(ByteSpan bytes, Message message, Seen* seen, uint32_t* oneof) const;
  Status Array(ByteSpan bytes, const FieldDef& def, const Seen& seen, uint32_t depth);
  Status Value(const FieldDef& def, const Field& field, uint32_t depth);
  bool Packed(const FieldDef& def, ByteSpan bytes);
  void Number(Kind kind, uint64_t value);

  JsonWriter json_;
};

void Encoder::Number(Kind kind, uint64_t value) {
  switch (kind) {
    case Kind::kBool:
      json_.Bool(value != 0);
      return;
    case Kind::kInt32:
    case Kind::kEnum:
      json_.Int(static_cast<int32_t>(value));
      return;
    case Kind::kUint32:
    case Kind::kFixed32:
      json_.Uint(static_cast<uint32_t>(value));
      return;
    case Kind::kSint32:
      json_.Int(static_cast<int32_t>(wire::UnZigZag(static_cast<uint32_t>(value))));
      return;
    case Kind::kInt64:
    case Kind::kSfixed64:
      json_.QuotedInt(static_cast<int64_t>(value));
      return;
    case Kind::kUint64:
    case Kind::kFixed64:
      json_.QuotedUint(value);
      return;
    case Kind::kDouble:
      json_.Double(std::bit_cast<double>(value));
      return;
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kTraceId:
    case Kind::kSpanId:
    case Kind::kMessage:
      return;
  }
}

Status Encoder::Value(const FieldDef& def, const Field& field, uint32_t depth) {
  switch (def.kind) {
    case Kind::kString:
      json_.String(field.text());
      return OkStatus();
    case Kind::kBytes:
      json_.Base64(field.bytes);
      return OkStatus();
    case Kind::kTraceId:
    case Kind::kSpanId:
      json_.Hex(field.bytes);
      return OkStatus();
    case Kind::kMessage:
      return Object(field.bytes, def.message, depth + 1);
    default:
      Number(def.kind, field.value);
      return OkStatus();
  }
}

bool Encoder::Packed(const FieldDef& def, ByteSpan bytes) {
  const std::byte* p = bytes.data();
  const std::byte* const end = p + bytes.size();
  while (p < end) {
    uint64_t value = 0;
    if (WireTypeOf(def.kind) == WireType::kFixed64) {
      if (end - p < 8) {
        return false;
      }
      value = wire::ReadFixed<uint64_t>(p);
      p += 8;
    } else {
      p = wire::ReadVarint(p, end, &value);
      if (!p) {
        return false;
      }
    }
    Number(def.kind, value);
  }
  return true;
}

Status Encoder::Array(ByteSpan bytes, const FieldDef& def, const Seen& seen, uint32_t depth) {
  json_.BeginArray();
  FieldReader reader(bytes.subspan(static_cast<size_t>(seen.first - bytes.data())));
  size_t left = seen.count;
  for (Field field; left > 0 && reader.Next(&field);) {
    if (field.number != def.number) {
      continue;
    }
    --left;
    if (field.type == WireType::kBytes && Packable(def.kind)) {
      if (!Packed(def, field.bytes)) {
        return Malformed();
      }
    } else {
      RETURN_IF_ERROR(Value(def, field, depth));
    }
  }
  json_.EndArray();
  return OkStatus();
}

// Finds the occurrences of every known field, and the oneof member that counts.
Status Encoder::Survey(ByteSpan bytes, Message message, Seen* seen, uint32_t* oneof) const {
  const auto fields = Fields(message);
  FieldReader reader(bytes);
  for (Field field; reader.Next(&field);) {
    const FieldDef* def = FindField(message, field.number);
    if (!def) {
      continue;
    }
    const bool packed = def->repeated && field.type == WireType::kBytes && Packable(def->kind);
    if (field.type != WireTypeOf(def->kind) && !packed) {
      return Malformed();
    }
    Seen& found = seen[static_cast<size_t>(def - fields.data())];
    if (found.count++ == 0) {
      found.first = field.raw.data();
    }
    found.last = field.raw.data();
    if (def->presence == Presence::kOneof) {
      *oneof = field.number;
    }
  }
  return reader.ok() ? OkStatus() : Malformed();
}

Status Encoder::Object(ByteSpan bytes, Message message, uint32_t depth) {
  if (depth > kMaxDepth) {
    return InvalidArgument("OTLP request nested too deeply");
  }
  const auto fields = Fields(message);
  GAPLESS_DCHECK(fields.size() <= kMaxFields);
  Seen seen[kMaxFields];
  std::fill_n(seen, fields.size(), Seen{});
  uint32_t oneof = 0;
  RETURN_IF_ERROR(Survey(bytes, message, seen, &oneof));
  json_.BeginObject();
  for (size_t i = 0; i < fields.size(); ++i) {
    const FieldDef& def = fields[i];
    const Seen& found = seen[i];
    if (def.repeated) {
      if (found.count > 0) {
        json_.Key(def.json);
        RETURN_IF_ERROR(Array(bytes, def, found, depth));
      }
      continue;
    }
    const bool present = found.count > 0;
    if (!present && def.presence != Presence::kAlways) {
      continue;
    }
    const Field field = present ? ReadAt(bytes, found.last) : Field();
    const bool hidden = (def.presence == Presence::kOneof && oneof != def.number) ||
                        (def.presence == Presence::kImplicit && Zero(def, field));
    if (!hidden) {
      json_.Key(def.json);
      RETURN_IF_ERROR(Value(def, field, depth));
    }
  }
  json_.EndObject();
  return OkStatus();
}

}  // namespace

Status EncodeJson(ByteSpan bytes, Message message, std::string* out) {
  return Encoder(out).Object(bytes, message, 1);
}

Status EncodeJson(const Rope& request, Signal signal, std::string* out) {
  const Slice flat = request.Flatten();
  out->reserve(out->size() + 3 * flat.size());
  return EncodeJson(flat.span(), RequestMessage(signal), out);
}

}  // namespace gapless::otlp
