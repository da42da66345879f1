#include "delivery/backlog.h"

#include <algorithm>
#include <limits>

namespace gapless::delivery {
namespace {

// With live data first, every so many units one comes from the backlog, or a steady stream would
// starve it.
constexpr uint32_t kBacklogShare = 4;
// Records looked at for one unit; records of other metadata values are passed over.
constexpr size_t kScanMax = 4096;

}  // namespace

bool SameMetadata(const journal::RecordInfo& a, const journal::RecordInfo& b) {
  if (a.metadata == b.metadata) {
    return true;
  }
  static const otlp::Metadata empty;
  return (a.metadata ? *a.metadata : empty) == (b.metadata ? *b.metadata : empty);
}

void Backlog::Refresh() {
  while (const auto info = journal_.NextPending(next_)) {
    unread_.Add(info->position);
    items_ += info->items;
    bytes_ += info->bytes;
    next_ = info->position + 1;
  }
}

std::optional<journal::Position> Backlog::First() const {
  const auto oldest = unread_.FirstAtLeast(0);
  if (options_.order == Order::kFifo || turns_ % kBacklogShare == kBacklogShare - 1) {
    return oldest;
  }
  const auto live = unread_.FirstAtLeast(live_from_);
  return live ? live : oldest;
}

std::optional<journal::RecordInfo> Backlog::InfoAt(journal::Position position) {
  auto info = journal_.NextPending(position);
  if (info && info->position == position) {
    return info;
  }
  unread_.Remove(position);
  offsets_.erase(position);
  return std::nullopt;
}

uint32_t Backlog::ItemsLeft(const journal::RecordInfo& info) const {
  const auto it = offsets_.find(info.position);
  return info.items - (it == offsets_.end() ? 0 : it->second);
}

UnitPart Backlog::Consume(const journal::RecordInfo& info, uint32_t count) {
  const uint32_t left = ItemsLeft(info);
  const uint32_t first = info.items - left;
  const UnitPart part{.position = info.position,
                      .first = first,
                      .count = count,
                      .whole = first == 0 && count == info.items,
                      .bytes = info.bytes};
  items_ -= std::min<uint64_t>(items_, count);
  if (count == left) {
    unread_.Remove(info.position);
    offsets_.erase(info.position);
    bytes_ -= std::min<uint64_t>(bytes_, info.bytes);
  } else {
    offsets_[info.position] = first + count;
  }
  return part;
}

// In the unit of the merging's sizer.
uint64_t Backlog::Size() const { return options_.batch->sizer == Sizer::kBytes ? bytes_ : items_; }

bool Backlog::Ripe(const journal::RecordInfo& first, WallTime now) const {
  const BatchSettings& batch = *options_.batch;
  return Size() >= batch.min_size || batch.flush_timeout == Duration::zero() ||
         now - first.arrival >= batch.flush_timeout;
}

uint32_t Backlog::Fit(const journal::RecordInfo& info, uint64_t items, uint64_t bytes) const {
  const BatchSettings& batch = *options_.batch;
  const uint32_t left = ItemsLeft(info);
  const uint64_t bytes_each = std::max<uint64_t>(1, info.bytes / std::max<uint32_t>(1, info.items));
  uint64_t byte_max = byte_cap_ > 0 ? byte_cap_ : std::numeric_limits<uint64_t>::max();
  if (batch.sizer == Sizer::kBytes && batch.max_size > 0) {
    byte_max = std::min(byte_max, batch.max_size);
  }
  uint64_t fit = left;
  if (batch.sizer == Sizer::kItems && batch.max_size > 0) {
    fit = std::min(fit, batch.max_size - std::min(batch.max_size, items));
  }
  if (byte_max != std::numeric_limits<uint64_t>::max()) {
    fit = std::min(fit, (byte_max - std::min(byte_max, bytes)) / bytes_each);
  }
  // A unit holds at least one item, however small the cap.
  return items == 0 ? static_cast<uint32_t>(std::max<uint64_t>(fit, 1))
                    : static_cast<uint32_t>(fit);
}

std::vector<UnitPart> Backlog::TakeOne(const journal::RecordInfo& info) {
  ++turns_;
  return {Consume(info, ItemsLeft(info))};
}

std::vector<UnitPart> Backlog::Take(WallTime now, bool flush) {
  flush_at_.reset();
  if (now >= byte_cap_until_) {
    byte_cap_ = 0;
  }
  std::optional<journal::RecordInfo> first;
  std::optional<journal::Position> position;
  while (!first) {
    position = First();
    if (!position) {
      items_ = 0;
      bytes_ = 0;
      return {};
    }
    first = InfoAt(*position);
  }
  if (!options_.batch) {
    return TakeOne(*first);
  }
  if (!flush && !Ripe(*first, now)) {
    flush_at_ = first->arrival + options_.batch->flush_timeout;
    return {};
  }
  ++turns_;
  const BatchSettings& batch = *options_.batch;
  taken_ = {.by_size = Size() >= batch.min_size, .metadata = first->metadata};
  std::vector<UnitPart> parts;
  uint64_t items = 0;
  uint64_t bytes = 0;
  std::optional<journal::Position> at = position;
  for (size_t scanned = 0; at && scanned < kScanMax; ++scanned) {
    const auto info = InfoAt(*at);
    if (info && SameMetadata(*first, *info)) {
      const uint32_t count = Fit(*info, items, bytes);
      if (count == 0) {
        break;
      }
      const bool rest = count < ItemsLeft(*info);
      parts.push_back(Consume(*info, count));
      items += count;
      bytes += info->bytes * count / std::max<uint32_t>(1, info->items);
      taken_.items = items;
      taken_.bytes = bytes;
      // A size of zero means that every request goes out as it came.
      if (rest ||
          (batch.sizer == Sizer::kBytes ? bytes : items) >= std::max<uint64_t>(batch.min_size, 1)) {
        break;
      }
    }
    at = unread_.FirstAtLeast(*at + 1);
  }
  return parts;
}

void Backlog::SetByteCap(size_t bytes, WallTime until) {
  byte_cap_ = byte_cap_ == 0 ? bytes : std::min(byte_cap_, bytes);
  byte_cap_until_ = until;
}

bool Backlog::Remove(journal::Position position) {
  Refresh();
  if (!unread_.Contains(position)) {
    return false;
  }
  if (const auto info = InfoAt(position)) {
    Consume(*info, ItemsLeft(*info));
  }
  return true;
}

std::optional<journal::RecordInfo> Backlog::TakeOldestWhole() {
  std::optional<journal::Position> at = unread_.FirstAtLeast(0);
  while (at && offsets_.contains(*at)) {
    at = unread_.FirstAtLeast(*at + 1);
  }
  if (!at) {
    return std::nullopt;
  }
  auto info = InfoAt(*at);
  if (info) {
    Consume(*info, info->items);
  }
  return info;
}

}  // namespace gapless::delivery
