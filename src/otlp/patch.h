// Patch: writes a changed version of a serialized message from ranges of the original and new
// bytes, front to back in one pass.
//
// Long unchanged ranges are shared with the original; short ones and all new bytes are copied.
// Messages around a change get new headers, whose lengths are filled in when the message ends.
// Besides the result it needs about 24 bytes for each such message. One thread.
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
  // Where a message began, and what stood before it; for End or Cancel.
  struct Mark {
    size_t header = 0;
    size_t pieces = 0;
    size_t last_size = 0;
    size_t copied = 0;
    size_t size = 0;
    ByteSpan run;
  };

  explicit Patch(Slice original) : original_(std::move(original)) {}

  // A range of the original, or other bytes.
  void Keep(ByteSpan range);
  void Put(ByteSpan bytes);
  void Put(std::string_view bytes) { Put(AsBytes(bytes)); }
  // The tag and length of a bytes field whose body, of that size, follows.
  static size_t HeaderSize(uint32_t number, size_t body_size);
  void Header(uint32_t number, size_t body_size);
  // The same for a body whose size shows at its end.
  Mark Begin(uint32_t number);
  void End(const Mark& mark);
  // Forgets the field and everything in it.
  void Cancel(const Mark& mark);

  // Keeps bytes until the patch ends.
  ByteSpan Store(std::string bytes) { return AsBytes(stored_.emplace_back(std::move(bytes))); }

  Rope Finish();

 private:
  enum class Kind : uint8_t { kOriginal, kCopied, kHeader };
  struct Piece {
    Kind kind = Kind::kCopied;
    uint32_t number = 0;  // kHeader: of the field
    size_t offset = 0;    // in the original or in copied_
    size_t size = 0;      // kHeader: of the field's body
  };
  void Copy(ByteSpan bytes);
  void FlushRun();
  size_t CopiedSize() const;

  const Slice original_;
  std::vector<Piece> pieces_;
  std::string copied_;
  // The range of the original that Keep has reached and that no piece holds yet.
  ByteSpan run_;
  size_t size_ = 0;
  std::deque<std::string> stored_;
};

}  // namespace gapless::otlp
