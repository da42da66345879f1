// Where codecs write: slabs that grow with the output, up to a hard limit.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace gapless::wire {

class OutputBuffer {
 public:
  // `hint`: expected size in bytes, wrong guesses cost only time. `limit`: bytes that may be
  // committed.
  OutputBuffer(size_t hint, size_t limit) : next_(hint), limit_(limit) {}

  // Room to write to, never empty. It may reach one byte beyond the limit, so that output of
  // exactly the limit can be told from more.
  std::span<std::byte> Space();
  void Commit(size_t size);
  size_t size() const { return rope_.size() + used_; }
  bool over_limit() const { return size() > limit_; }
  void Append(ByteSpan bytes);
  // What was committed; a last slab that is mostly empty is copied to one that fits.
  Rope Take();

 private:
  void Flush();

  Rope rope_;
  SlabRef slab_;
  size_t used_ = 0;
  size_t next_;
  size_t limit_;
};

}  // namespace gapless::wire
