#include "queue/level_set.h"

#include <algorithm>
#include <iterator>

namespace gapless::queue {

void LevelSet::Build() {
  for (auto& level : levels_) {
    former_.Add(std::move(level));
  }
  levels_.clear();
  std::vector<QueueStats::Level> named;
  for (const QueueLevel& level : queue_.options.levels) {
    levels_.push_back(std::make_unique<LevelSender>(level, levels_.size(), client_));
    QueueStats::Level& names = named.emplace_back();
    names.name = level.name;
    for (const QueueLevel::Path& path : level.paths) {
      names.exporters.push_back(path.sender->labels());
    }
  }
  queue_.stats.SetLevels(named);
}

sending::Lanes LevelSet::BusyLanes(size_t level) const {
  return at(level).busy_lanes() | former_.BusyLanes(at(level).name());
}

void LevelSet::DropIdle() {
  former_.DropIdle([this](std::string_view name) {
    const auto now = std::ranges::find(levels_, name, &LevelSender::name);
    return now == levels_.end() ? nullptr : now->get();
  });
}

std::optional<size_t> LevelSet::ForFresh(const routing::Router& router) const {
  const auto active = router.active();
  if (!active || at(*active).HasRoom()) {
    return active;
  }
  for (size_t i = *active + 1; overflowing_ && i < size(); ++i) {
    if (router.Usable(i) && !at(i).IsLimited(queue_.home.Now()) && at(i).HasRoom()) {
      return i;
    }
  }
  return std::nullopt;
}

// A level that asks for less than it gets may have its time, but not for ever: what has waited for
// too long goes to the next one, until the rest is young again.
void LevelSet::JudgeOverflow(const routing::Router& router) {
  const auto active = router.active();
  const Duration after = queue_.options.router.overflow_after;
  const bool limited =
      after > Duration::zero() && size() > 1 && active && at(*active).IsLimited(queue_.home.Now());
  if (!limited && !overflowing_) {
    return;
  }
  const auto oldest = queue_.journal.stats().oldest;
  const Duration age = oldest ? queue_.home.WallNow() - *oldest : Duration::zero();
  const bool wanted = limited && age > (overflowing_ ? after / 2 : after);
  if (wanted == overflowing_) {
    return;
  }
  overflowing_ = wanted;
  if (wanted) {
    queue_.log.Warn("failover: a level takes less than there is, the next one helps",
                    {{"level", *active},
                     {"destination", at(*active).name()},
                     {"cause", router.last_error(*active)},
                     {"oldest_waiting", age}});
  } else {
    queue_.log.Info("failover: the next level is not needed any more", {{"oldest_waiting", age}});
  }
}

}  // namespace gapless::queue
