// UnitMemory: what the units of a queue that were read hold in memory. Pure; home loop.
#pragma once

#include "base/memory_limit.h"
#include "queue/unit.h"

#include <cstdint>
#include <utility>

namespace gapless::queue {

class UnitMemory {
 public:
  // `memory`: for what reading units takes.
  explicit UnitMemory(MemoryCharge memory = {}) : memory_(std::move(memory)) {}

  // What was read of the unit, which it holds until it ends, or has to wait for long; `made`: the
  // bytes of memory that this took, beside the journal's.
  void Fill(Unit& unit, otlp::Batch batch, uint64_t made = 0) {
    unit.batch = std::move(batch);
    unit.items = unit.batch.items;
    unit.held = {.bytes = unit.batch.raw_size, .made = made};
    unit.content = Unit::Content::kRead;
    bytes_ += unit.held.bytes;
    memory_.Add(made);
  }
  // Does nothing if nothing was read.
  void Empty(Unit& unit) {
    if (unit.content == Unit::Content::kRead) {
      unit.content = Unit::Content::kUnread;
      unit.batch = {};
      bytes_ -= unit.held.bytes;
      memory_.Sub(std::exchange(unit.held.made, 0));
    }
  }
  // All units are gone.
  void Clear() {
    bytes_ = 0;
    memory_.Release();
  }

  // Of all that was read, uncompressed.
  uint64_t bytes() const { return bytes_; }
  // Whether another new unit may be read.
  bool MayHoldMore() const {
    return bytes_ < kBytesMax && (memory_.bytes() < kOwnBytes || memory_.HasRoom());
  }

 private:
  static constexpr uint64_t kBytesMax = uint64_t{64} << 20;
  // What reading may take for the units of one queue, whatever other queues hold.
  static constexpr uint64_t kOwnBytes = uint64_t{4} << 20;

  uint64_t bytes_ = 0;
  MemoryCharge memory_;
};

}  // namespace gapless::queue
