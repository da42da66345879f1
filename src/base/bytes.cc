#include "base/bytes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace gapless {

Slab* Slab::New(size_t capacity) {
  void* memory = ::operator new(sizeof(Slab) + capacity);
  return ::new (memory) Slab(capacity);
}

void Slab::Unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    this->~Slab();
    ::operator delete(this);
  }
}

Slice Slice::CopyOf(ByteSpan bytes) {
  if (bytes.empty()) {
    return {};
  }
  SlabRef slab(Slab::New(bytes.size()));
  std::memcpy(slab->data(), bytes.data(), bytes.size());
  const std::byte* data = slab->data();
  return {std::move(slab), data, bytes.size()};
}

Slice Slice::Sub(size_t offset, size_t size) const {
  GAPLESS_CHECK(offset <= size_ && size <= size_ - offset);
  return {slab_, data_ + offset, size};
}

std::span<Slice> Rope::own_slices() {
  const std::span<const Slice> all = slices();
  return {const_cast<Slice*>(all.data()), all.size()};
}

// Grows by doubling: a rope made of many small ones stays linear in their number.
void Rope::MakeRoom(size_t more) {
  const size_t needed = slices().size() + more;
  if (needed > 1 && needed > slices_.capacity()) {
    slices_.reserve(std::max(needed, 2 * slices_.capacity()));
  }
}

void Rope::Append(Slice slice) {
  if (slice.empty()) {
    return;
  }
  size_ += slice.size();
  const std::span<Slice> own = own_slices();
  if (own.empty()) {
    only_ = std::move(slice);
    return;
  }
  Slice& last = own.back();
  if (last.slab_.get() == slice.slab_.get() && last.data_ + last.size_ == slice.data_) {
    last.size_ += slice.size_;
    return;
  }
  if (slices_.empty()) {
    slices_.push_back(std::move(only_));
  }
  slices_.push_back(std::move(slice));
}

void Rope::Append(const Rope& other) {
  const size_t count = other.slices().size();
  MakeRoom(count);
  for (size_t i = 0; i < count; ++i) {
    Append(Slice(other.slices()[i]));  // it may be this one
  }
}

void Rope::Append(Rope&& other) {
  if (empty()) {
    std::swap(only_, other.only_);
    std::swap(slices_, other.slices_);
    std::swap(size_, other.size_);
    return;
  }
  const std::span<Slice> more = other.own_slices();
  MakeRoom(more.size());
  for (Slice& slice : more) {
    Append(std::move(slice));
  }
  other.Clear();
}

void Rope::Clear() {
  only_ = {};
  slices_.clear();
  size_ = 0;
}

Rope Rope::Sub(size_t offset, size_t size) const {
  GAPLESS_CHECK(offset <= size_ && size <= size_ - offset);
  Rope result;
  for (const Slice& slice : slices()) {
    if (size == 0) {
      break;
    }
    if (offset >= slice.size()) {
      offset -= slice.size();
      continue;
    }
    const size_t take = std::min(size, slice.size() - offset);
    result.Append(slice.Sub(offset, take));
    size -= take;
    offset = 0;
  }
  return result;
}

Slice Rope::Flatten() const {
  if (slices().empty()) {
    return {};
  }
  if (slices().size() == 1) {
    return slices().front();
  }
  SlabRef slab(Slab::New(size_));
  CopyTo(slab->data());
  const std::byte* data = slab->data();
  return {std::move(slab), data, size_};
}

void Rope::CopyTo(std::byte* out) const {
  for (const Slice& slice : slices()) {
    std::memcpy(out, slice.data(), slice.size());
    out += slice.size();
  }
}

std::string Rope::ToString() const {
  std::string text(size_, '\0');
  CopyTo(std::as_writable_bytes(std::span(text)).data());
  return text;
}

size_t Rope::held_bytes() const {
  size_t held = 0;
  const Slab* last = nullptr;
  for (const Slice& slice : slices()) {
    if (slice.slab().get() != last) {
      last = slice.slab().get();
      held += last ? last->capacity() : 0;
    }
  }
  return held;
}

bool operator==(const Rope& a, const Rope& b) {
  return a.size() == b.size() && a.Flatten().text() == b.Flatten().text();
}

}  // namespace gapless
