// Reads JSON (RFC 8259): the whole text is checked first (grammar, UTF-8, nesting), then walked.
//
// Texts that Go's readers take although they are not quite JSON are read as there (json_mend.h).
// Values are views into their parser. Everything belongs to one thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace gapless::wire {

enum class JsonType : uint8_t { kObject, kArray, kString, kInt64, kUint64, kDouble, kBool, kNull };

class JsonValue {
 public:
  JsonType type() const;
  // Preconditions: the type. kUint64 is for numbers above the range of int64.
  std::string_view string() const;
  int64_t int64() const;
  uint64_t uint64() const;
  double number() const;
  bool boolean() const;

 private:
  friend class JsonParser;
  friend class JsonCursor;
  std::array<void*, 2> handle_ = {};
};

// Walks the members of an object or the elements of an array.
class JsonCursor {
 public:
  // Precondition: kObject or kArray.
  explicit JsonCursor(const JsonValue& container);
  // False at the end. `key` is empty in arrays.
  bool Next(std::string_view* key, JsonValue* value);

 private:
  bool object_ = false;
  std::array<void*, 2> at_ = {};
  std::array<void*, 2> end_ = {};
};

class JsonParser {
 public:
  JsonParser();
  ~JsonParser();
  JsonParser(const JsonParser&) = delete;
  JsonParser& operator=(const JsonParser&) = delete;

  // The value is valid until the next call. Containers may be nested up to `max_depth`.
  // INVALID_ARGUMENT when the text is not one JSON value.
  Result<JsonValue> Parse(const Rope& text, size_t max_depth);
  // Gives memory back; a parser keeps about ten times its largest text.
  void Release();
  size_t capacity() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gapless::wire
