// Appends JSON (RFC 8259) to a string, on one line, without building anything. Commas are its
// business.
//
// The caller keeps the order legal: Key before each value in an object. One thread.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::wire {

class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(*out) {}

  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  // A name that needs no escaping.
  void Key(std::string_view name);
  // Any bytes: what is not UTF-8 becomes U+FFFD.
  void EscapedKey(std::string_view name);

  void String(std::string_view text);
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Bool(bool value);
  void Null();
  // The shortest text that reads back as the same number; "NaN", "Infinity" and "-Infinity" as
  // strings, as protojson.
  void Double(double value);
  // As strings in quotes.
  void QuotedInt(int64_t value);
  void QuotedUint(uint64_t value);
  void Base64(ByteSpan bytes);
  void Hex(ByteSpan bytes);
  // A value that is JSON already.
  void Raw(std::string_view json);

 private:
  void Open(char bracket);
  void Close(char bracket);
  void BeforeValue();

  std::string& out_;
  bool comma_ = false;
};

// Appends `text` in quotes and escaped.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace gapless::wire
