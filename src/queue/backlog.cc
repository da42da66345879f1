#include "queue/backlog.h"

#include <algorithm>
#include <limits>

namespace gapless::queue {
namespace {

// With live data first, every so many units one comes from the backlog, or a steady stream would
// starve it.
constexpr uint32_t kBacklogShare = 4;
// Records looked at for one unit; records of other metadata values are passed over.
constexpr size_t kScanMax = 4096;
// Records of one lane that piled up: how much of them becomes one unit where no merging is
// configured.
constexpr uint64_t kCatchUpItems = 8192;
constexpr uint64_t kCatchUpBytes = uint64_t{1} << 20;

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
    groups_.Add(MetadataGroups::KeyOf(info->metadata),
                {.items = info->items, .bytes = info->bytes});
    next_ = info->position + 1;
  }
}

void Backlog::SetOptions(Options options) {
  if (options.order != options_.order) {
    window_ = {};
  }
  options_ = std::move(options);
}

const sending::BatchSettings& Backlog::merging() const {
  static const sending::BatchSettings catch_up = {
      .flush_timeout = Duration::zero(), .min_size = kCatchUpItems, .metadata_keys = {}};
  return options_.batch ? *options_.batch : catch_up;
}

std::optional<journal::Position> Backlog::First() const {
  const auto oldest = unread_.FirstAtLeast(0);
  if (options_.order != Order::kLiveFirst || turns_ % kBacklogShare == kBacklogShare - 1) {
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
  } else {
    offsets_[info.position] = first + count;
  }
  groups_.Remove(MetadataGroups::KeyOf(info.metadata),
                 {.items = count, .bytes = count == left ? info.bytes : 0});
  return part;
}

// In the unit of the merging's sizer.
bool Backlog::IsEnough(uint64_t items, uint64_t bytes, const Limits& limits) const {
  const sending::BatchSettings& batch = merging();
  const bool by_bytes = batch.sizer == sending::Sizer::kBytes;
  return (by_bytes ? bytes : items) >= batch.min_size ||
         (limits.max_items > 0 && items >= limits.max_items);
}

bool Backlog::HasWaited(const journal::RecordInfo& first, WallTime now) const {
  const Duration timeout = merging().flush_timeout;
  return timeout == Duration::zero() || now - first.arrival >= timeout;
}

uint32_t Backlog::Fit(const journal::RecordInfo& info, const Limits& limits) const {
  const uint64_t items = taken_.items;
  const uint64_t bytes = taken_.bytes;
  uint64_t fit = ItemsLeft(info);
  if (limits.max_items > 0) {
    fit = std::min(fit, limits.max_items - std::min(limits.max_items, items));
  }
  if (!options_.batch) {
    // Nobody asked for merging, nor for cutting.
    const bool too_much =
        items > 0 && (bytes + info.bytes > kCatchUpBytes || items + fit > kCatchUpItems);
    return too_much ? 0 : static_cast<uint32_t>(fit);
  }
  if (items > 0 && bytes + info.bytes > kUnitBytesMax) {
    return 0;
  }
  const sending::BatchSettings& batch = *options_.batch;
  const uint64_t bytes_each = std::max<uint64_t>(1, info.bytes / std::max<uint32_t>(1, info.items));
  uint64_t byte_max = byte_cap_ > 0 ? byte_cap_ : std::numeric_limits<uint64_t>::max();
  if (batch.sizer == sending::Sizer::kBytes && batch.max_size > 0) {
    byte_max = std::min(byte_max, batch.max_size);
  }
  if (batch.sizer == sending::Sizer::kItems && batch.max_size > 0) {
    fit = std::min(fit, batch.max_size - std::min(batch.max_size, items));
  }
  if (byte_max != std::numeric_limits<uint64_t>::max()) {
    fit = std::min(fit, (byte_max - std::min(byte_max, bytes)) / bytes_each);
  }
  // A unit holds at least one item, however small the cap.
  return items == 0 ? static_cast<uint32_t>(std::max<uint64_t>(fit, 1))
                    : static_cast<uint32_t>(fit);
}

bool Backlog::AddPart(const journal::RecordInfo& info, const Limits& limits, UnitParts& parts) {
  const uint32_t count = Fit(info, limits);
  if (count == 0) {
    return false;
  }
  const bool rest = count < ItemsLeft(info);
  parts.push_back(Consume(info, count));
  taken_.items += count;
  taken_.bytes += info.bytes * count / std::max<uint32_t>(1, info.items);
  // A size of zero means that every request goes out as it came.
  return !rest && merging().min_size > 0 && !IsEnough(taken_.items, taken_.bytes, limits);
}

UnitParts Backlog::Take(WallTime now, const Limits& limits) {
  flush_at_.reset();
  if (now >= byte_cap_until_) {
    byte_cap_ = 0;
  }
  return ordered() ? TakeByLane(now, limits) : TakeByArrival(now, limits);
}

bool Backlog::IsRipe(const journal::RecordInfo& first, const MetadataGroups::Amount& group,
                     WallTime now, const Limits& limits) {
  const bool enough = IsEnough(group.items, group.bytes, limits);
  if (limits.flush || enough || HasWaited(first, now)) {
    taken_ = {.by_size = enough, .metadata = first.metadata};
    return true;
  }
  const WallTime at = first.arrival + merging().flush_timeout;
  flush_at_ = flush_at_ ? std::min(*flush_at_, at) : at;
  return false;
}

std::optional<journal::RecordInfo> Backlog::FirstByArrival(WallTime now, const Limits& limits) {
  std::vector<MetadataGroups::Key> waiting;
  std::optional<journal::Position> at = First();
  for (size_t scanned = 0; at && scanned < kScanMax; ++scanned) {
    const auto info = InfoAt(*at);
    const MetadataGroups::Key key = info ? MetadataGroups::KeyOf(info->metadata) : 0;
    if (info && std::ranges::find(waiting, key) == waiting.end()) {
      if (IsRipe(*info, groups_.Of(key), now, limits)) {
        return info;
      }
      waiting.push_back(key);
      if (waiting.size() >= groups_.size()) {
        return std::nullopt;
      }
    }
    at = unread_.FirstAtLeast(*at + 1);
  }
  if (unread_.empty()) {
    items_ = 0;
    groups_.Clear();
  }
  return std::nullopt;
}

UnitParts Backlog::TakeByArrival(WallTime now, const Limits& limits) {
  const auto first = FirstByArrival(now, limits);
  if (!first) {
    return {};
  }
  ++turns_;
  UnitParts parts;
  std::optional<journal::Position> at = first->position;
  for (size_t scanned = 0; at && scanned < kScanMax; ++scanned) {
    const auto info = InfoAt(*at);
    if (info && SameMetadata(*first, *info) &&
        (!AddPart(*info, limits, parts) || !options_.batch)) {
      break;
    }
    at = unread_.FirstAtLeast(*at + 1);
  }
  return parts;
}

void Backlog::FillWindow() {
  while (!window_.full()) {
    const auto position = unread_.FirstAtLeast(window_.end());
    if (!position) {
      return;
    }
    if (const auto info = InfoAt(*position)) {
      window_.Push(*info);
    }
  }
}

std::optional<journal::RecordInfo> Backlog::NextByLane(sending::Lanes busy,
                                                       LaneWindow::Slot& slot) {
  while (const auto first = window_.First(busy, 0)) {
    slot = *first;
    if (auto info = InfoAt(slot.position)) {
      return info;
    }
    window_.Remove(slot);  // the journal gave it up
  }
  return std::nullopt;
}

std::optional<journal::RecordInfo> Backlog::FirstByLane(WallTime now, Limits& limits,
                                                        LaneWindow::Slot& slot) {
  while (const auto first = NextByLane(limits.busy, slot)) {
    MetadataGroups::Amount group = groups_.Of(MetadataGroups::KeyOf(first->metadata));
    group.items = std::min(group.items, window_.ItemsBeside(limits.busy));
    group.bytes = std::min(group.bytes, window_.BytesBeside(limits.busy));
    if (IsRipe(*first, group, now, limits)) {
      return first;
    }
    if (groups_.size() == 1 || slot.lanes == 0) {
      return std::nullopt;
    }
    limits.busy |= slot.lanes;
  }
  return std::nullopt;
}

UnitParts Backlog::TakeByLane(WallTime now, Limits limits) {
  FillWindow();
  LaneWindow::Slot slot;
  const auto first = FirstByLane(now, limits, slot);
  if (!first) {
    return {};
  }
  ++turns_;
  UnitParts parts = Gather(*first, slot, limits);
  std::ranges::sort(parts, {}, &UnitPart::position);
  return parts;
}

UnitParts Backlog::Gather(const journal::RecordInfo& first, LaneWindow::Slot slot,
                          const Limits& limits) {
  UnitParts parts;
  sending::Lanes busy = limits.busy;
  sending::Lanes held = 0;
  std::optional<journal::RecordInfo> info = first;
  while (true) {
    if (info && !SameMetadata(first, *info)) {
      busy |= slot.lanes;  // what stands behind it waits for it
    } else if (info) {
      const uint32_t left = ItemsLeft(*info);
      const uint64_t before = taken_.items;
      const bool room = AddPart(*info, limits, parts);
      const uint64_t count = taken_.items - before;
      if (count > 0) {
        parts.back().lanes = slot.lanes;
        held |= slot.lanes;
        window_.Took(slot, count, info->bytes * count / std::max<uint32_t>(1, info->items));
      }
      if (count == left) {
        window_.Remove(slot);
      }
      if (!room) {
        return parts;
      }
    } else {
      window_.Remove(slot);  // the journal gave it up
    }
    const auto next = window_.First(busy, held);
    // Where no merging is configured a unit grows in its own lanes only.
    if (!next || (!options_.batch && (next->lanes == 0 || (next->lanes & ~held) != 0))) {
      return parts;
    }
    slot = *next;
    info = InfoAt(slot.position);
  }
}

bool Backlog::TooManyGroups(const std::shared_ptr<const otlp::Metadata>& metadata) const {
  const uint64_t max = options_.batch ? options_.batch->groups_max : 0;
  return max > 0 && groups_.size() >= max && !groups_.Contains(MetadataGroups::KeyOf(metadata));
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
  window_.Remove(position);
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
  window_.Remove(*at);
  return info;
}

}  // namespace gapless::queue
