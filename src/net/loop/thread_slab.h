// ThreadSlab: the memory that all streams of a thread fill, one after the other. Internal to net.
//
// While nobody keeps a slice, every use starts at the front of the same (cache-warm) slab; what is
// kept is packed densely, and a new slab begins when the old one is full. So idle connections hold
// no buffer, and kept bytes hold little more memory than they have. Instances are thread_local.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace gapless::net {

class ThreadSlab {
 public:
  explicit ThreadSlab(size_t capacity) : capacity_(capacity) {}

  // Room for the next bytes: at least `min_room`, and at most `max_room` if that is more.
  std::span<std::byte> Room(size_t min_room, size_t max_room) {
    if (slab_ && slab_->unique()) {
      used_ = 0;
    }
    if (!slab_ || slab_->capacity() - used_ < min_room) {
      slab_ = SlabRef(Slab::New(std::max(capacity_, min_room)));
      used_ = 0;
    }
    const size_t free = slab_->capacity() - used_;
    return {slab_->data() + used_, std::min(free, std::max(min_room, max_room))};
  }
  // Room and Take for bytes that exist. Not empty.
  Slice Copy(ByteSpan bytes) {
    std::memcpy(Room(bytes.size(), bytes.size()).data(), bytes.data(), bytes.size());
    return Take(bytes.size());
  }
  // The first `size` bytes of the last Room, now in use.
  Slice Take(size_t size) {
    Slice bytes(slab_, slab_->data() + used_, size);
    used_ += size;
    return bytes;
  }

 private:
  const size_t capacity_;
  SlabRef slab_;
  size_t used_ = 0;
};

}  // namespace gapless::net
