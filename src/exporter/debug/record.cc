#include "exporter/debug/record.h"

#include <algorithm>
#include <bit>

namespace gapless::exporter::debug {

using wire::Field;
using wire::FieldReader;
using wire::WireType;

std::optional<Field> Record::Find(uint32_t number) const {
  std::optional<Field> found;
  FieldReader reader(bytes_);
  for (Field field; reader.Next(&field);) {
    if (field.number == number) {
      found = field;
    }
  }
  return found;
}

std::string_view Record::Text(uint32_t number) const {
  const auto field = Find(number);
  return field && field->type == WireType::kBytes ? field->text() : std::string_view();
}

uint64_t Record::Number(uint32_t number) const {
  const auto field = Find(number);
  return field && field->type != WireType::kBytes ? field->value : 0;
}

std::optional<double> Record::Double(uint32_t number) const {
  const auto field = Find(number);
  if (!field || field->type != WireType::kFixed64) {
    return std::nullopt;
  }
  return field->as_double();
}

Record Record::Child(uint32_t number) const {
  const auto field = Find(number);
  return field && field->type == WireType::kBytes ? Record(field->bytes) : Record();
}

std::vector<Record> Record::Children(uint32_t number) const {
  std::vector<Record> children;
  FieldReader reader(bytes_);
  for (Field field; reader.Next(&field);) {
    if (field.is(number, WireType::kBytes)) {
      children.emplace_back(field.bytes);
    }
  }
  return children;
}

std::vector<std::string_view> Record::Texts(uint32_t number) const {
  std::vector<std::string_view> texts;
  for (const Record& child : Children(number)) {
    texts.push_back(AsText(child.bytes()));
  }
  return texts;
}

std::vector<uint64_t> Record::Varints(uint32_t number) const {
  std::vector<uint64_t> numbers;
  FieldReader reader(bytes_);
  for (Field field; reader.Next(&field);) {
    if (field.is(number, WireType::kVarint)) {
      numbers.push_back(field.value);
    } else if (field.is(number, WireType::kBytes)) {
      const std::byte* p = field.bytes.data();
      const std::byte* const end = p + field.bytes.size();
      for (uint64_t value = 0; p != nullptr && p < end;) {
        p = wire::ReadVarint(p, end, &value);
        numbers.push_back(value);
      }
    }
  }
  return numbers;
}

std::vector<uint64_t> Record::Fixed64s(uint32_t number) const {
  std::vector<uint64_t> numbers;
  FieldReader reader(bytes_);
  for (Field field; reader.Next(&field);) {
    if (field.is(number, WireType::kFixed64)) {
      numbers.push_back(field.value);
    } else if (field.is(number, WireType::kBytes)) {
      for (size_t at = 0; at + sizeof(uint64_t) <= field.bytes.size(); at += sizeof(uint64_t)) {
        numbers.push_back(wire::ReadFixed<uint64_t>(field.bytes.data() + at));
      }
    }
  }
  return numbers;
}

std::vector<double> Record::Doubles(uint32_t number) const {
  std::vector<double> doubles;
  for (const uint64_t bits : Fixed64s(number)) {
    doubles.push_back(std::bit_cast<double>(bits));
  }
  return doubles;
}

std::string Record::Hex(uint32_t number) const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::string_view id = Text(number);
  std::string hex;
  if (std::all_of(id.begin(), id.end(), [](char c) { return c == '\0'; })) {
    return hex;
  }
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace gapless::exporter::debug
