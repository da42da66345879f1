#include "wire/json_reader.h"

#include <bit>
#include <cstring>

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

}  // namespace

struct JsonParser::Impl {
  dom::parser parser;
  std::unique_ptr<char[]> buffer;
  size_t capacity = 0;
  size_t depth = 0;
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
  if (text.size() > impl.capacity || max_depth != impl.depth || !impl.buffer) {
    const size_t capacity = std::max(text.size(), impl.capacity);
    impl.buffer = std::make_unique_for_overwrite<char[]>(capacity + simdjson::SIMDJSON_PADDING);
    impl.capacity = capacity;
    impl.depth = max_depth;
    const auto error = impl.parser.allocate(std::max<size_t>(capacity, 64), max_depth);
    if (error) {
      Release();
      return error == simdjson::CAPACITY ? ResourceExhausted("JSON text of more than 4 GiB")
                                         : ResourceExhausted("out of memory");
    }
  }
  text.CopyTo(std::as_writable_bytes(std::span(impl.buffer.get(), text.size())).data());
  std::memset(impl.buffer.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
  dom::element root;
  const auto error = impl.parser.parse(impl.buffer.get(), text.size(), false).get(root);
  if (error) {
    return InvalidArgument(fmt::format("malformed JSON: {}", simdjson::error_message(error)));
  }
  JsonValue value;
  value.handle_ = std::bit_cast<Handle>(root);
  return value;
}

}  // namespace gapless::wire
