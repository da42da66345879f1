#include "wire/json_reader.h"

#include "wire/json_mend.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include <fmt/format.h>

// The library's own code does not meet our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wshadow"
#include <simdjson.h>
#pragma GCC diagnostic pop

namespace gapless::wire {
namespace {

namespace dom = simdjson::dom;
using Handle = std::array<void*, 2>;

// simdjson's values are two words. They are kept as such, so that its header (27,000 lines) stays
// in this file.
static_assert(sizeof(dom::element) == sizeof(Handle));
static_assert(sizeof(dom::object::iterator) == sizeof(Handle));
static_assert(sizeof(dom::array::iterator) == sizeof(Handle));

template <typename T>
T As(const Handle& handle) {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::bit_cast<T>(handle);
}

// What Go's readers take nevertheless.
bool CanBeMended(simdjson::error_code error) {
  switch (error) {
    case simdjson::STRING_ERROR:
    case simdjson::UTF8_ERROR:
    case simdjson::UNESCAPED_CHARS:
    case simdjson::NUMBER_ERROR:
    case simdjson::TAPE_ERROR:       // also text behind the value
    case simdjson::UNCLOSED_STRING:  // the same, with a quote in it
      return true;
    default:
      return false;
  }
}

}  // namespace

struct JsonParser::Impl {
  dom::parser parser;
  std::unique_ptr<char[]> buffer;
  size_t capacity = 0;
  size_t depth = 0;

  // Makes room for a text and its padding.
  bool Reserve(size_t size, size_t max_depth) {
    if (buffer && size <= capacity && max_depth == depth) {
      return true;
    }
    capacity = std::max(size, capacity);
    depth = max_depth;
    buffer = std::make_unique_for_overwrite<char[]>(capacity + simdjson::SIMDJSON_PADDING);
    return parser.allocate(std::max<size_t>(capacity, 64), max_depth) == simdjson::SUCCESS;
  }

  simdjson::error_code Parse(size_t size, dom::element* root) {
    std::memset(buffer.get() + size, ' ', simdjson::SIMDJSON_PADDING);
    return parser.parse(buffer.get(), size, false).get(*root);
  }
};

JsonType JsonValue::type() const {
  switch (As<dom::element>(handle_).type()) {
    case dom::element_type::OBJECT:
      return JsonType::kObject;
    case dom::element_type::ARRAY:
      return JsonType::kArray;
    case dom::element_type::STRING:
      return JsonType::kString;
    case dom::element_type::INT64:
      return JsonType::kInt64;
    case dom::element_type::UINT64:
      return JsonType::kUint64;
    case dom::element_type::DOUBLE:
      return JsonType::kDouble;
    case dom::element_type::BOOL:
      return JsonType::kBool;
    case dom::element_type::NULL_VALUE:
      return JsonType::kNull;
  }
  return JsonType::kNull;
}

std::string_view JsonValue::string() const {
  return As<dom::element>(handle_).get_string().value_unsafe();
}
int64_t JsonValue::int64() const { return As<dom::element>(handle_).get_int64().value_unsafe(); }
uint64_t JsonValue::uint64() const { return As<dom::element>(handle_).get_uint64().value_unsafe(); }
double JsonValue::number() const { return As<dom::element>(handle_).get_double().value_unsafe(); }
bool JsonValue::boolean() const { return As<dom::element>(handle_).get_bool().value_unsafe(); }

JsonCursor::JsonCursor(const JsonValue& container) {
  const auto element = As<dom::element>(container.handle_);
  object_ = element.is_object();
  if (object_) {
    const dom::object object = element.get_object().value_unsafe();
    at_ = std::bit_cast<Handle>(object.begin());
    end_ = std::bit_cast<Handle>(object.end());
  } else {
    const dom::array array = element.get_array().value_unsafe();
    at_ = std::bit_cast<Handle>(array.begin());
    end_ = std::bit_cast<Handle>(array.end());
  }
}

bool JsonCursor::Next(std::string_view* key, JsonValue* value) {
  if (at_ == end_) {
    return false;
  }
  if (object_) {
    auto iterator = As<dom::object::iterator>(at_);
    *key = iterator.key();
    value->handle_ = std::bit_cast<Handle>(iterator.value());
    ++iterator;
    at_ = std::bit_cast<Handle>(iterator);
  } else {
    auto iterator = As<dom::array::iterator>(at_);
    *key = {};
    value->handle_ = std::bit_cast<Handle>(*iterator);
    ++iterator;
    at_ = std::bit_cast<Handle>(iterator);
  }
  return true;
}

JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;

void JsonParser::Release() { impl_ = std::make_unique<Impl>(); }

size_t JsonParser::capacity() const { return impl_->capacity; }

Result<JsonValue> JsonParser::Parse(const Rope& text, size_t max_depth) {
  Impl& impl = *impl_;
  if (!impl.Reserve(text.size(), max_depth)) {
    Release();
    return ResourceExhausted("JSON text is too large");
  }
  text.CopyTo(reinterpret_cast<std::byte*>(impl.buffer.get()));
  dom::element root;
  simdjson::error_code error = impl.Parse(text.size(), &root);
  if (CanBeMended(error)) {
    const std::string mended = MendJson({impl.buffer.get(), text.size()});
    if (!impl.Reserve(mended.size(), max_depth)) {
      Release();
      return ResourceExhausted("JSON text is too large");
    }
    std::memcpy(impl.buffer.get(), mended.data(), mended.size());
    error = impl.Parse(mended.size(), &root);
  }
  if (error) {
    return InvalidArgument(fmt::format("malformed JSON: {}", simdjson::error_message(error)));
  }
  JsonValue value;
  value.handle_ = std::bit_cast<Handle>(root);
  return value;
}

}  // namespace gapless::wire
