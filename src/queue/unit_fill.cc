#include "queue/unit_fill.h"

#include "queue/unit.h"

#include <algorithm>
#include <limits>

namespace gapless::queue {
namespace {

// Records of one lane that piled up: how much of them becomes one unit where no merging is
// configured.
constexpr uint64_t kCatchUpItems = 8192;
constexpr uint64_t kCatchUpBytes = uint64_t{1} << 20;
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

uint64_t LimitOf(uint64_t max) { return max > 0 ? max : kNoLimit; }
uint64_t Rest(uint64_t max, uint64_t used) { return max - std::min(max, used); }

}  // namespace

const sending::BatchSettings& UnitFill::merging() const {
  static const sending::BatchSettings catch_up = {
      .flush_timeout = Duration::zero(), .min_size = kCatchUpItems, .metadata_keys = {}};
  return batch_ != nullptr ? *batch_ : catch_up;
}

bool UnitFill::IsEnough(uint64_t items, uint64_t bytes) const {
  const bool by_bytes = merging().sizer == sending::Sizer::kBytes;
  return (by_bytes ? bytes : items) >= merging().min_size || items >= LimitOf(max_items_);
}

uint32_t UnitFill::Fit(const journal::RecordInfo& info, uint32_t left) const {
  uint64_t fit = std::min<uint64_t>(left, Rest(LimitOf(max_items_), items_));
  if (batch_ == nullptr) {
    // Nobody asked for merging, nor for cutting.
    const bool too_much =
        items_ > 0 && (bytes_ + info.bytes > kCatchUpBytes || items_ + fit > kCatchUpItems);
    return too_much ? 0 : static_cast<uint32_t>(fit);
  }
  if (items_ > 0 && bytes_ + info.bytes > kUnitBytesMax) {
    return 0;
  }
  uint64_t byte_max = LimitOf(max_bytes_);
  if (batch_->sizer == sending::Sizer::kBytes) {
    byte_max = std::min(byte_max, LimitOf(batch_->max_size));
  } else if (batch_->sizer == sending::Sizer::kItems) {
    fit = std::min(fit, Rest(LimitOf(batch_->max_size), items_));
  }
  if (byte_max != kNoLimit) {
    const uint64_t bytes_each =
        std::max<uint64_t>(1, info.bytes / std::max<uint32_t>(1, info.items));
    fit = std::min(fit, Rest(byte_max, bytes_) / bytes_each);
  }
  // A unit holds at least one item, however small the cap.
  return static_cast<uint32_t>(items_ == 0 ? std::max<uint64_t>(fit, 1) : fit);
}

bool UnitFill::Add(const journal::RecordInfo& info, uint32_t count) {
  items_ += count;
  bytes_ += info.bytes * count / std::max<uint32_t>(1, info.items);
  return merging().min_size > 0 && !IsEnough(items_, bytes_);
}

}  // namespace gapless::queue
