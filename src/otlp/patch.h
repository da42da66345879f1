// Patch: writes a changed version of a serialized message from ranges of the original and new
// bytes, front to back in one pass.
//
// Long unchanged ranges are shared with the original; short ones and all new bytes are copied into
// one new slab at the end. Messages around a change get new headers, whose lengths are filled in
// when the message ends. One thread.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::otlp {

class Patch {
 public:
  // Where a message began; for End or Cancel.
  struct Mark {
    size_t piece = 0;
    size_t size = 0;
  };

  explicit Patch(Slice original) : original_(std::move(original)) {}

  // A range of the original, or other bytes that stay valid until Finish.
  void Keep(ByteSpan range);
  // New bytes, which stay valid until Finish (see Store).
  void Put(ByteSpan bytes);
  void Put(std::string_view bytes) { Put(AsBytes(bytes)); }
  // The tag and length of a bytes field whose body, of that size, follows.
  void Header(uint32_t number, size_t body_size);
  // Opens a length-delimited field; its body follows.
  Mark Begin(uint32_t number);
  void End(const Mark& mark);
  // Forgets the field and everything in it.
  void Cancel(const Mark& mark);

  // Keeps bytes until the patch ends.
  ByteSpan Store(std::string bytes) { return AsBytes(stored_.emplace_back(std::move(bytes))); }

  Rope Finish() const;

 private:
  enum class Kind : uint8_t { kOriginal, kNew, kHeader };
  struct Piece {
    Kind kind = Kind::kNew;
    uint32_t number = 0;  // kHeader: of the field
    const std::byte* data = nullptr;
    size_t size = 0;  // kHeader: of the field's body
  };
  void Add(Kind kind, ByteSpan bytes);
  // Bytes that Finish copies.
  size_t CopiedSize() const;

  const Slice original_;
  std::vector<Piece> pieces_;
  size_t size_ = 0;
  std::deque<std::string> stored_;
};

}  // namespace gapless::otlp
