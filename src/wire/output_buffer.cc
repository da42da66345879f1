#include "wire/output_buffer.h"

#include <algorithm>
#include <cstring>

namespace gapless::wire {
namespace {

constexpr size_t kMinSlab = size_t{4} << 10;
constexpr size_t kMaxGrowth = size_t{1} << 20;

}  // namespace

void OutputBuffer::Flush() {
  if (used_ > 0) {
    const std::byte* data = slab_->data();
    const bool roomy = slab_->capacity() / 2 > used_;
    rope_.Append(roomy ? Slice::CopyOf(ByteSpan(data, used_)) : Slice(slab_, data, used_));
  }
  slab_ = SlabRef();
  used_ = 0;
}

std::span<std::byte> OutputBuffer::Space() {
  if (slab_ && used_ == slab_->capacity()) {
    Flush();
  }
  if (!slab_) {
    const size_t left = limit_ > size() ? limit_ - size() : 0;
    const size_t capacity = std::min(std::max(next_, kMinSlab), left < SIZE_MAX ? left + 1 : left);
    slab_ = SlabRef(Slab::New(capacity));
    next_ = std::min(2 * capacity, kMaxGrowth);
  }
  return {slab_->data() + used_, slab_->capacity() - used_};
}

void OutputBuffer::Commit(size_t size) {
  GAPLESS_DCHECK(slab_ && size <= slab_->capacity() - used_);
  used_ += size;
}

void OutputBuffer::Append(ByteSpan bytes) {
  while (!bytes.empty() && !over_limit()) {
    const std::span<std::byte> space = Space();
    const size_t take = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), take);
    Commit(take);
    bytes = bytes.subspan(take);
  }
}

Rope OutputBuffer::Take() {
  Flush();
  return std::move(rope_);
}

}  // namespace gapless::wire
