// UnitFill: how much more fits into a unit that is being made of records, by items and by
// uncompressed bytes. Pure.
#pragma once

#include "journal/journal.h"
#include "sending/settings.h"

#include <cstdint>
#include <optional>

namespace gapless::queue {

class UnitFill {
 public:
  // `batch`: what merging asks for, which outlives it; null: none is configured, and what has piled
  // up is merged. `max_items`, `max_bytes`: what a peer takes at once; 0: any number.
  UnitFill(const sending::BatchSettings* batch, uint64_t max_items, uint64_t max_bytes)
      : batch_(batch), max_items_(max_items), max_bytes_(max_bytes) {}

  // Whether so much is enough for a unit to go.
  bool IsEnough(uint64_t items, uint64_t bytes) const;
  // How long the oldest record waits for more; zero: not at all.
  Duration timeout() const { return merging().flush_timeout; }
  // How many items of the record fit, of which `left` are there. Zero: the unit is full without.
  uint32_t Fit(const journal::RecordInfo& info, uint32_t left) const;
  // So many are added; false: the unit is full, or a size of zero means that every request goes
  // out as it came.
  bool Add(const journal::RecordInfo& info, uint32_t count);

  uint64_t items() const { return items_; }
  uint64_t bytes() const { return bytes_; }

 private:
  const sending::BatchSettings& merging() const;

  const sending::BatchSettings* batch_;
  uint64_t max_items_;
  uint64_t max_bytes_;
  uint64_t items_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace gapless::queue
