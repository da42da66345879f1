// RopeCursor: reads a rope front to back in pieces, without copying and without walking from the
// start each time.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <cstddef>

namespace gapless::net {

class RopeCursor {
 public:
  // `rope` must stay alive and unchanged.
  explicit RopeCursor(const Rope* rope) : rope_(rope), left_(rope->size()) {}

  size_t left() const { return left_; }

  // Moves the next `size` bytes to the end of `out`. Precondition: size <= left().
  void Take(size_t size, Rope& out) {
    left_ -= size;
    while (size > 0) {
      const Slice& slice = rope_->slices()[index_];
      const size_t part = std::min(size, slice.size() - offset_);
      out.Append(slice.Sub(offset_, part));
      offset_ += part;
      size -= part;
      if (offset_ == slice.size()) {
        ++index_;
        offset_ = 0;
      }
    }
  }

 private:
  const Rope* rope_;
  size_t left_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

}  // namespace gapless::net
