// PositionMap: a sorted map from positions to small values, in dense blocks.
//
// An entry takes four bytes beside its value, and about one for its part of a block, whatever was
// erased around it: blocks give space back, and small neighbours become one. An operation costs
// O(log blocks), at either end O(1); there, where journals work, it allocates once per block.
// Values are handed out as copies. A value type; one thread.
#pragma once

#include "base/check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace gapless::journal {

template <typename T>
class PositionMap {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr size_t kBlockMax = 128;

  struct Item {
    uint64_t position = 0;
    T value = {};
  };
  // Ends with any change of the map.
  class Iterator;

  // Precondition: the position has no value.
  void Insert(uint64_t position, const T& value) {
    auto block = BlockFor(position);
    if (block->second.live() == kBlockMax) {
      block = Split(block, position);
    }
    std::vector<Slot>& slots = block->second.slots;
    const size_t at = slots.empty() ? 0 : SlotAtLeast(*block, position);
    GAPLESS_CHECK(at == slots.size() || PositionAt(*block, at) != position);
    const size_t erased = MakeRoom(block);
    slots.insert(slots.begin() + static_cast<std::ptrdiff_t>(at - erased),
                 {.delta = static_cast<uint32_t>(position - block->first),
                  .value = std::bit_cast<Bytes>(value)});
    ++size_;
  }
  // Precondition, as of all that follow: the position has a value.
  void Set(uint64_t position, const T& value) {
    const auto block = Locate(position);
    block->second.slots[Known(*block, position)].Set(value);
  }
  void Erase(uint64_t position) {
    const auto block = Locate(position);
    auto& [slots, first] = block->second;
    const size_t at = Known(*block, position);
    if (at == first) {
      ++first;
    } else {
      slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(at));
    }
    --size_;
    GiveBack(block);
  }
  // Nothing if it has none.
  void EraseIfThere(uint64_t position) {
    if (Find(position)) {
      Erase(position);
    }
  }
  // Gives the entry another position. Precondition: no other one lies between.
  void Move(uint64_t from, uint64_t to) {
    const auto block = Locate(from);
    Slot& slot = block->second.slots[Known(*block, from)];
    const auto next = std::next(block);
    if (to >= block->first && to - block->first <= UINT32_MAX &&
        (next == blocks_.end() || to < next->first)) {
      slot.delta = static_cast<uint32_t>(to - block->first);
      return;
    }
    const T value = slot.Get();
    Erase(from);
    Insert(to, value);
  }
  void Clear() { *this = {}; }

  std::optional<T> Find(uint64_t position) const {
    const auto block = Locate(position);
    if (block == blocks_.end()) {
      return std::nullopt;
    }
    const size_t at = SlotAtLeast(*block, position);
    return at < block->second.slots.size() && PositionAt(*block, at) == position
               ? std::optional<T>(block->second.slots[at].Get())
               : std::nullopt;
  }
  // The first entry that is not below `position`.
  std::optional<Item> AtLeast(uint64_t position) const {
    auto block = Locate(position);
    if (block == blocks_.end()) {
      block = blocks_.begin();
    } else if (const size_t at = SlotAtLeast(*block, position); at < block->second.slots.size()) {
      return ItemAt(*block, at);
    } else {
      ++block;
    }
    return block == blocks_.end() ? std::nullopt
                                  : std::optional(ItemAt(*block, block->second.first));
  }
  // The last entry that is not above `position`.
  std::optional<Item> AtMost(uint64_t position) const {
    auto block = Locate(position);
    if (block == blocks_.end()) {
      return std::nullopt;
    }
    size_t at = SlotAtLeast(*block, position);
    if (at < block->second.slots.size() && PositionAt(*block, at) == position) {
      return ItemAt(*block, at);
    }
    if (at == block->second.first) {
      if (block == blocks_.begin()) {
        return std::nullopt;
      }
      --block;
      at = block->second.slots.size();
    }
    return ItemAt(*block, at - 1);
  }
  std::optional<Item> last() const {
    return empty() ? std::nullopt
                   : std::optional(
                         ItemAt(*blocks_.rbegin(), blocks_.rbegin()->second.slots.size() - 1));
  }

  size_t size() const { return size_; }
  bool empty() const { return blocks_.empty(); }
  Iterator begin() const { return Iterator(blocks_, blocks_.begin()); }
  Iterator end() const { return Iterator(blocks_, blocks_.end()); }
  // Of the heap. O(blocks).
  size_t memory_bytes() const {
    constexpr size_t kNode = sizeof(typename Blocks::value_type) + 4 * sizeof(void*);
    constexpr size_t kAllocator = 16;
    size_t bytes = 0;
    for (const auto& [base, block] : blocks_) {
      bytes += kNode + block.slots.capacity() * sizeof(Slot) + 2 * kAllocator;
    }
    return bytes;
  }

 private:
  static constexpr size_t kBlockMin = kBlockMax / 4;
  // Slots that a block between others may have to spare.
  static constexpr size_t kSpare = 4;

  // A value as bytes, since it is not aligned.
  using Bytes = std::array<std::byte, sizeof(T)>;
  struct Slot {
    uint32_t delta;  // from the base of the block
    Bytes value;

    void Set(const T& to) { value = std::bit_cast<Bytes>(to); }
    T Get() const { return std::bit_cast<T>(value); }
  };
  static_assert(sizeof(Slot) == sizeof(uint32_t) + sizeof(T));
  struct Block {
    std::vector<Slot> slots;
    size_t first = 0;  // the slots before it are erased

    size_t live() const { return slots.size() - first; }
  };
  // By base: no entry of a block lies below its base, or reaches the next one.
  using Blocks = std::map<uint64_t, Block>;
  using Entry = typename Blocks::value_type;

  static uint64_t PositionAt(const Entry& block, size_t at) {
    return block.first + block.second.slots[at].delta;
  }
  static Item ItemAt(const Entry& block, size_t at) {
    return {.position = PositionAt(block, at), .value = block.second.slots[at].Get()};
  }
  // Precondition: position >= base, and the block is not empty.
  static size_t SlotAtLeast(const Entry& block, uint64_t position) {
    const auto& [slots, first] = block.second;
    const uint64_t delta = position - block.first;
    if (slots.back().delta < delta) {
      return slots.size();
    }
    if (delta >= slots[first].delta) {
      // Mostly they follow each other without a hole.
      const uint64_t guess = first + (delta - slots[first].delta);
      if (guess < slots.size() && slots[guess].delta == delta) {
        return guess;
      }
    }
    return static_cast<size_t>(
        std::partition_point(slots.begin() + static_cast<std::ptrdiff_t>(first), slots.end(),
                             [delta](const Slot& slot) { return slot.delta < delta; }) -
        slots.begin());
  }
  static size_t Known(const Entry& block, uint64_t position) {
    const size_t at = SlotAtLeast(block, position);
    GAPLESS_CHECK(at < block.second.slots.size() && PositionAt(block, at) == position);
    return at;
  }

  // The block that a position belongs to; none: it lies below all of them.
  template <typename Self>
  static auto LocateIn(Self& blocks, uint64_t position) {
    const auto first = blocks.begin();
    if (blocks.empty() || position < first->first) {
      return blocks.end();
    }
    // Both ends without a search.
    if (const auto last = std::prev(blocks.end()); position >= last->first) {
      return last;
    }
    return position < std::next(first)->first ? first : std::prev(blocks.upper_bound(position));
  }
  auto Locate(uint64_t position) { return LocateIn(blocks_, position); }
  auto Locate(uint64_t position) const { return LocateIn(blocks_, position); }

  auto BlockFor(uint64_t position) {
    const auto block = Locate(position);
    return block == blocks_.end() || position - block->first > UINT32_MAX
               ? blocks_.try_emplace(position).first
               : block;
  }

  // Of a full block: the one in which the position now has its place.
  auto Split(typename Blocks::iterator block, uint64_t position) {
    auto& [slots, first] = block->second;
    if (SlotAtLeast(*block, position) == slots.size()) {
      const auto added = blocks_.try_emplace(position).first;
      added->second.slots.reserve(std::next(added) == blocks_.end() ? kBlockMax : 1);
      return added;
    }
    const size_t half = first + kBlockMax / 2;
    const uint64_t base = PositionAt(*block, half);
    const auto added = blocks_.try_emplace(base).first;
    Append(*block, half, *added);
    slots.resize(half);
    Shrink(block->second);
    return position < base ? block : added;
  }

  // Room for one more slot. Returns how many erased ones went at the front.
  size_t MakeRoom(typename Blocks::iterator block) {
    auto& [slots, first] = block->second;
    if (slots.size() < slots.capacity()) {
      return 0;
    }
    const size_t erased = std::exchange(first, 0);
    slots.erase(slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(erased));
    if (erased == 0) {
      const bool last = std::next(block) == blocks_.end();
      slots.reserve(std::min(kBlockMax, slots.size() + std::max(last ? slots.size() : 0, kSpare)));
    }
    return erased;
  }

  void GiveBack(typename Blocks::iterator block) {
    if (block->second.live() == 0) {
      blocks_.erase(block);
      return;
    }
    const auto next = std::next(block);
    if (next == blocks_.end()) {
      return;  // it is being filled
    }
    const bool first = block == blocks_.begin();  // it is being emptied
    const size_t live = block->second.live();
    if (!(!first && Join(std::prev(block), block)) && !Join(block, next) &&
        block->second.slots.capacity() > live + (first ? live : 0) + kSpare) {
      Shrink(block->second);
    }
  }

  // One block instead of two small neighbours, if it has room to grow.
  bool Join(typename Blocks::iterator left, typename Blocks::iterator right) {
    const size_t smaller = std::min(left->second.live(), right->second.live());
    const uint64_t end = PositionAt(*right, right->second.slots.size() - 1);
    if (smaller >= kBlockMin || left->second.live() + right->second.live() > kBlockMax / 2 ||
        end - left->first > UINT32_MAX) {
      return false;
    }
    Shrink(left->second);
    Append(*right, right->second.first, *left);
    blocks_.erase(right);
    return true;
  }

  // The slots of `from`, from `at` on, behind those of `to`.
  static void Append(const Entry& from, size_t at, Entry& to) {
    std::vector<Slot>& slots = to.second.slots;
    slots.reserve(slots.size() + from.second.slots.size() - at);
    for (; at < from.second.slots.size(); ++at) {
      slots.push_back({.delta = static_cast<uint32_t>(PositionAt(from, at) - to.first),
                       .value = from.second.slots[at].value});
    }
  }
  static void Shrink(Block& block) {
    block.slots = std::vector<Slot>(block.slots.begin() + static_cast<std::ptrdiff_t>(block.first),
                                    block.slots.end());
    block.first = 0;
  }

  Blocks blocks_;
  size_t size_ = 0;
};

template <typename T>
class PositionMap<T>::Iterator {
 public:
  Iterator(const Blocks& blocks, typename Blocks::const_iterator block)
      : end_(blocks.end()), block_(block), slot_(block == end_ ? 0 : block->second.first) {}
  Item operator*() const { return ItemAt(*block_, slot_); }
  Iterator& operator++() {
    if (++slot_ == block_->second.slots.size()) {
      ++block_;
      slot_ = block_ == end_ ? 0 : block_->second.first;
    }
    return *this;
  }
  bool operator==(const Iterator&) const = default;

 private:
  typename Blocks::const_iterator end_;
  typename Blocks::const_iterator block_;
  size_t slot_;
};

}  // namespace gapless::journal
