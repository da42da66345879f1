// PositionTable: values indexed by position, in chunks that are freed when their last value is
// erased.
//
// Records are released in any order; a record that stays for a day keeps one chunk, not everything
// behind it. Insert, Find and Erase are O(1), and cheapest near the last one; references stay valid
// until the value is erased. One thread, also for const calls.
#pragma once

#include "base/check.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace gapless::journal {

template <typename T>
class PositionTable {
 public:
  static constexpr size_t kChunkSize = 32;

  // Precondition: no value at `position`.
  T& Insert(uint64_t position, T value) {
    Chunk& chunk = ChunkOf(position);
    std::optional<T>& slot = chunk.slots[position % kChunkSize];
    GAPLESS_CHECK(!slot.has_value());
    slot.emplace(std::move(value));
    ++chunk.used;
    ++size_;
    return *slot;
  }

  T* Find(uint64_t position) { return const_cast<T*>(std::as_const(*this).Find(position)); }
  const T* Find(uint64_t position) const {
    Chunk* chunk = KnownChunk(position / kChunkSize);
    if (!chunk) {
      return nullptr;
    }
    const std::optional<T>& slot = chunk->slots[position % kChunkSize];
    return slot.has_value() ? &*slot : nullptr;
  }

  // Precondition: there is a value at `position`.
  void Erase(uint64_t position) {
    Chunk* chunk = KnownChunk(position / kChunkSize);
    GAPLESS_CHECK(chunk != nullptr);
    std::optional<T>& slot = chunk->slots[position % kChunkSize];
    GAPLESS_CHECK(slot.has_value());
    slot.reset();
    --size_;
    if (--chunk->used == 0) {
      last_ = nullptr;
      chunks_.erase(position / kChunkSize);
    }
  }

  size_t size() const { return size_; }

 private:
  struct Chunk {
    std::array<std::optional<T>, kChunkSize> slots;
    size_t used = 0;
  };

  Chunk* KnownChunk(uint64_t number) const {
    if (last_ == nullptr || last_number_ != number) {
      const auto it = chunks_.find(number);
      if (it == chunks_.end()) {
        return nullptr;
      }
      last_ = it->second.get();
      last_number_ = number;
    }
    return last_;
  }

  Chunk& ChunkOf(uint64_t position) {
    const uint64_t number = position / kChunkSize;
    if (Chunk* known = KnownChunk(number)) {
      return *known;
    }
    std::unique_ptr<Chunk>& chunk = chunks_[number];
    chunk = std::make_unique<Chunk>();
    return *chunk;
  }

  std::unordered_map<uint64_t, std::unique_ptr<Chunk>> chunks_;
  size_t size_ = 0;
  // Where the last call found something: the next one is mostly about its neighbour.
  mutable Chunk* last_ = nullptr;
  mutable uint64_t last_number_ = 0;
};

}  // namespace gapless::journal
