#include "queue/backlog.h"

#include <algorithm>

namespace gapless::queue {
namespace {

// With live data first, every so many units one comes from the backlog, or a steady stream would
// starve it.
constexpr uint32_t kBacklogShare = 4;
// Records looked at for one unit; records of other metadata values are passed over.
constexpr size_t kScanMax = 4096;
constexpr size_t kLearnMax = 2048;

}  // namespace

bool SameMetadata(const journal::RecordInfo& a, const journal::RecordInfo& b) {
  if (a.metadata == b.metadata) {
    return true;
  }
  static const otlp::Metadata empty;
  return (a.metadata ? *a.metadata : empty) == (b.metadata ? *b.metadata : empty);
}

bool Backlog::Refresh() {
  knows_all_ = false;
  for (size_t i = 0; i < kLearnMax; ++i) {
    const auto info = journal_.NextPending(next_);
    if (!info) {
      knows_all_ = true;
      break;
    }
    unread_.Add(info->position);
    items_ += info->items;
    groups_.Add(MetadataGroups::KeyOf(info->metadata),
                {.items = info->items, .bytes = info->bytes});
    next_ = info->position + 1;
  }
  return !knows_all_;
}

void Backlog::SetOptions(Options options) {
  if (options.order != options_.order) {
    window_ = {};
  }
  options_ = std::move(options);
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

// What arrived in the future waits no longer: the wall clock has been set back.
bool Backlog::HasWaited(const journal::RecordInfo& first, WallTime now) const {
  const Duration age = now - first.arrival;
  return age >= fill_.timeout() || age < Duration::zero();
}

bool Backlog::AddPart(const journal::RecordInfo& info, UnitParts& parts) {
  const uint32_t left = ItemsLeft(info);
  const uint32_t count = fill_.Fit(info, left);
  if (count == 0) {
    return false;
  }
  parts.push_back(Consume(info, count));
  const bool room = fill_.Add(info, count);
  taken_.items = fill_.items();
  taken_.bytes = fill_.bytes();
  return room && count == left;
}

UnitParts Backlog::Take(WallTime now, const Limits& limits) {
  flush_at_.reset();
  if (now >= byte_cap_until_) {
    byte_cap_ = 0;
  }
  fill_ = UnitFill(options_.batch ? &*options_.batch : nullptr, limits.max_items, byte_cap_);
  return ordered() ? TakeByLane(now, limits) : TakeByArrival(now, limits);
}

bool Backlog::IsRipe(const journal::RecordInfo& first, const MetadataGroups::Amount& group,
                     WallTime now, const Limits& limits) {
  const bool enough = fill_.IsEnough(group.items, group.bytes);
  if (limits.flush || enough || HasWaited(first, now)) {
    taken_ = {.by_size = enough, .metadata = first.metadata};
    return true;
  }
  const WallTime at = first.arrival + fill_.timeout();
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
    if (info && SameMetadata(*first, *info) && (!AddPart(*info, parts) || !options_.batch)) {
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
      const bool room = AddPart(*info, parts);
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

bool Backlog::AdmitGroup(const std::shared_ptr<const otlp::Metadata>& metadata, TimePoint now) {
  const uint64_t max = options_.batch ? options_.batch->groups_max : 0;
  if (max == 0) {
    return true;
  }
  const MetadataGroups::Key key = MetadataGroups::KeyOf(metadata);
  if (groups_.size() >= max && !groups_.Contains(key) && !regulars_.Has(key)) {
    return false;
  }
  regulars_.Note(key, max, now);
  return true;
}

void Backlog::SetByteCap(size_t bytes, WallTime until) {
  byte_cap_ = byte_cap_ == 0 ? bytes : std::min(byte_cap_, bytes);
  byte_cap_until_ = until;
}

bool Backlog::Remove(journal::Position position) {
  while (position >= next_ && Refresh()) {
  }
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
