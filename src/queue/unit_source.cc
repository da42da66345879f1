#include "queue/unit_source.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

// How long units stay below a size that a peer refused.
constexpr Duration kByteCapTime = std::chrono::minutes(10);
// How long others wait before one of them may overtake what was set aside in its lanes: the level
// may take it since it has been repaired meanwhile, and then the order of a resource is lost.
constexpr Duration kOvertakeWait = std::chrono::seconds(20);

}  // namespace

Unit* UnitSource::Take(size_t level, bool flush) {
  const Backlog::Limits limits{.flush = flush,
                               .busy = scheduler_.held_lanes() | levels_.BusyLanes(level),
                               .max_items = levels_.at(level).ItemCap()};
  UnitParts parts;
  const sending::Lanes aside = scheduler_.aside_lanes() & ~limits.busy;
  if (aside == 0) {
    parts = backlog_.Take(queue_.home.WallNow(), limits);
    overtake_at_ = asked_again_ ? overtake_at_ : queue_.home.Now() + kOvertakeWait;
  } else {
    Backlog::Limits others = limits;
    others.busy |= aside;
    parts = backlog_.Take(queue_.home.WallNow(), others);
    if (parts.empty() && queue_.home.Now() >= overtake_at_) {
      parts = Overtake(level, limits);
    }
  }
  if (parts.empty()) {
    return nullptr;
  }
  for (const UnitPart& part : parts) {
    if (!part.whole) {
      tracker_.Open(part.position);
    }
  }
  return &scheduler_.Add(std::move(parts), levels_.size());
}

// Only right after what was set aside has been refused once more.
UnitParts UnitSource::Overtake(size_t level, const Backlog::Limits& limits) {
  if (!asked_again_) {
    asked_again_ = true;
    scheduler_.BringBack(level);
    turns_.WantDispatch();
    return {};
  }
  UnitParts parts = backlog_.Take(queue_.home.WallNow(), limits);
  if (!parts.empty()) {
    asked_again_ = false;
    overtake_at_ = queue_.home.Now() + kOvertakeWait;
  }
  return parts;
}

void UnitSource::AvoidSize(size_t bytes) {
  backlog_.SetByteCap(bytes / 2, queue_.home.WallNow() + kByteCapTime);
}

void UnitSource::Drop(journal::Position position, journal::DropReason reason,
                      const Status& verdict) {
  const auto info = queue_.journal.NextPending(position);
  const bool held = info && info->position == position;  // else the journal gave it up: damaged
  if (held && backlog_.Remove(position)) {
    queue_.stats.Dropped(reason, info->items, verdict);
    Book(*info, reason, verdict);
  }
}

bool UnitSource::DropOldest() {
  backlog_.Refresh();
  const auto oldest = backlog_.TakeOldestWhole();
  if (oldest) {
    queue_.stats.Dropped(journal::DropReason::kOverflow, oldest->items, OkStatus());
    Book(*oldest, journal::DropReason::kOverflow,
         Unavailable("dropped: the sending queue was full"));
  }
  return oldest.has_value();
}

void UnitSource::Book(const journal::RecordInfo& info, journal::DropReason reason,
                      const Status& verdict) {
  journal::Settlement share;
  share.dropped[static_cast<size_t>(reason)] = info.items;
  tracker_.Book({.position = info.position, .count = info.items, .bytes = info.bytes},
                {.share = share, .verdict = verdict});
}

}  // namespace gapless::queue
