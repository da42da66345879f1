// Little-endian numbers in a string, for the files of the journal.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace gapless::journal {

static_assert(std::endian::native == std::endian::little, "the journal's files are little-endian");

template <std::integral T>
void PutNumber(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Reads from the front of a text; after a read beyond its end everything is zero and ok() false.
class NumberReader {
 public:
  explicit NumberReader(std::string_view text) : text_(text) {}

  template <std::integral T>
  T Take() {
    T value = 0;
    const std::string_view bytes = TakeBytes(sizeof value);
    if (bytes.size() == sizeof value) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }
  std::string_view TakeBytes(size_t size) {
    if (size > text_.size()) {
      ok_ = false;
      text_ = {};
      return {};
    }
    const std::string_view bytes = text_.substr(0, size);
    text_.remove_prefix(size);
    return bytes;
  }
  size_t left() const { return text_.size(); }
  bool ok() const { return ok_; }

 private:
  std::string_view text_;
  bool ok_ = true;
};

}  // namespace gapless::journal
