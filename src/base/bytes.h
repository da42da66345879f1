// Reference-counted bytes: Slab (one block of memory), Slice (a range of a Slab), Rope (a list of
// Slices).
//
// Bytes are written once by whoever allocated the slab and are immutable once shared. Copying a
// Slice or a Rope copies no bytes: it bumps an atomic count, so ropes may be handed between
// workers. Merging two OTLP requests is appending one rope to another.
#pragma once

#include "base/check.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless {

using ByteSpan = std::span<const std::byte>;

inline ByteSpan AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A block of memory with an intrusive count; header and bytes are one allocation.
class Slab {
 public:
  // Uninitialised memory of `capacity` bytes with one reference, which the caller owns.
  static Slab* New(size_t capacity);

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  size_t capacity() const { return capacity_; }
  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref();
  // True if the caller's reference is the only one: the memory may be written again.
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }

 private:
  explicit Slab(size_t capacity) : capacity_(capacity) {}
  std::atomic<uint32_t> refs_{1};
  size_t capacity_;
};

// Owning handle to a slab.
class SlabRef {
 public:
  SlabRef() = default;
  // Takes over the caller's reference.
  explicit SlabRef(Slab* adopted) : slab_(adopted) {}
  SlabRef(const SlabRef& other) : slab_(other.slab_) {
    if (slab_) {
      slab_->Ref();
    }
  }
  SlabRef(SlabRef&& other) noexcept : slab_(std::exchange(other.slab_, nullptr)) {}
  SlabRef& operator=(SlabRef other) noexcept {
    std::swap(slab_, other.slab_);
    return *this;
  }
  ~SlabRef() {
    if (slab_) {
      slab_->Unref();
    }
  }
  Slab* get() const { return slab_; }
  Slab* operator->() const { return slab_; }
  explicit operator bool() const { return slab_ != nullptr; }

 private:
  Slab* slab_ = nullptr;
};

// A range of bytes that keeps its slab alive. Immutable. A slice without slab views static memory.
class Slice {
 public:
  Slice() = default;
  Slice(SlabRef slab, const std::byte* data, size_t size)
      : slab_(std::move(slab)), data_(data), size_(size) {}
  Slice(const Slice&) = default;
  Slice& operator=(const Slice&) = default;
  // What was moved from is empty.
  Slice(Slice&& other) noexcept
      : slab_(std::move(other.slab_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice&& other) noexcept {
    slab_ = std::move(other.slab_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Slice() = default;
  static Slice CopyOf(ByteSpan bytes);
  static Slice CopyOf(std::string_view text) { return CopyOf(AsBytes(text)); }
  // For literals and other memory that lives as long as the process.
  static Slice Static(std::string_view text) {
    return Slice(SlabRef(), AsBytes(text).data(), text.size());
  }

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan span() const { return {data_, size_}; }
  std::string_view text() const { return AsText(span()); }
  Slice Sub(size_t offset, size_t size) const;
  const SlabRef& slab() const { return slab_; }

 private:
  friend class Rope;
  SlabRef slab_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// A sequence of slices that reads as one run of bytes.
class Rope {
 public:
  Rope() = default;
  explicit Rope(Slice slice) { Append(std::move(slice)); }
  static Rope CopyOf(ByteSpan bytes) { return Rope(Slice::CopyOf(bytes)); }
  static Rope CopyOf(std::string_view text) { return Rope(Slice::CopyOf(text)); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const Slice> slices() const {
    return slices_.empty() ? std::span(&only_, only_.empty() ? 0 : 1) : std::span(slices_);
  }

  // Adjacent ranges of one slab become one slice; empty slices vanish.
  void Append(Slice slice);
  void Append(const Rope& other);
  void Append(Rope&& other);
  void Clear();
  // The bytes [offset, offset + size) without copying them. Precondition: they exist.
  Rope Sub(size_t offset, size_t size) const;
  // One slice with all bytes: free if there is one slice already, else one copy.
  Slice Flatten() const;
  void CopyTo(std::byte* out) const;
  std::string ToString() const;
  // Memory that this rope keeps alive, whole slabs counted once per run of slices. Unit: bytes.
  size_t held_bytes() const;

 private:
  std::span<Slice> own_slices();
  void MakeRoom(size_t more);

  // Most ropes are one slice, which costs no allocation; with the second all are in `slices_`.
  Slice only_;
  std::vector<Slice> slices_;
  size_t size_ = 0;
};

bool operator==(const Rope& a, const Rope& b);

}  // namespace gapless
