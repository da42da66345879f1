#include "queue/former_levels.h"

#include <utility>

namespace gapless::queue {

void FormerLevels::Add(std::unique_ptr<LevelSender> level) {
  level->Detach();
  levels_.push_back(std::move(level));
}

sending::Lanes FormerLevels::BusyLanes(std::string_view name) const {
  sending::Lanes busy = 0;
  for (const auto& level : levels_) {
    busy |= level->name() == name ? level->busy_lanes() : 0;
  }
  return busy;
}

void FormerLevels::DropIdle(const std::function<const LevelSender*(std::string_view name)>& now) {
  for (auto& level : levels_) {
    if (level->IsDone(now(level->name()))) {
      loop_.DeferDelete(std::move(level));  // this may be a callback of its sender
    }
  }
  std::erase(levels_, nullptr);
}

}  // namespace gapless::queue
