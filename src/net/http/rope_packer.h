// RopePacker: appends copies of small pieces to a rope, in slabs that grow with it, so that a body
// that comes byte by byte takes little more memory than it has bytes. One rope per packer.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <cstring>

namespace gapless::net {

class RopePacker {
 public:
  void Append(ByteSpan bytes, Rope& to) {
    while (!bytes.empty()) {
      if (!slab_ || used_ == slab_->capacity()) {
        slab_ = SlabRef(
            Slab::New(std::clamp(std::max(bytes.size(), to.size()), kFirstSlab, kLargestSlab)));
        used_ = 0;
      }
      const size_t part = std::min(bytes.size(), slab_->capacity() - used_);
      std::byte* const target = slab_->data() + used_;
      std::memcpy(target, bytes.data(), part);
      to.Append(Slice(slab_, target, part));
      used_ += part;
      bytes = bytes.subspan(part);
    }
  }
  // Lets go of the memory that is not used yet.
  void Reset() { slab_ = SlabRef(); }

 private:
  static constexpr size_t kFirstSlab = 512;
  static constexpr size_t kLargestSlab = size_t{32} * 1024;

  SlabRef slab_;
  size_t used_ = 0;
};

}  // namespace gapless::net
