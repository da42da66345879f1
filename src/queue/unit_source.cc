#include "queue/unit_source.h"

#include <utility>

namespace gapless::queue {
namespace {

// How long units stay below a size that a peer refused.
constexpr Duration kByteCapTime = std::chrono::minutes(10);

}  // namespace

Unit* UnitSource::Take(size_t level, bool flush) {
  const Backlog::Limits limits{.flush = flush,
                               .busy = scheduler_.held_lanes() | levels_.BusyLanes(level),
                               .max_items = levels_.at(level).ItemCap()};
  UnitParts parts;
  if (const sending::Lanes aside = scheduler_.aside_lanes(); (aside & ~limits.busy) != 0) {
    Backlog::Limits others = limits;
    others.busy |= aside;
    parts = backlog_.Take(queue_.home.WallNow(), others);
  }
  if (parts.empty()) {
    parts = backlog_.Take(queue_.home.WallNow(), limits);
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
