// FormerLevels: the ways to levels over senders of a former configuration, until nothing is under
// way over them any more. Home loop.
#pragma once

#include "base/loop.h"
#include "queue/level_sender.h"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace gapless::queue {

class FormerLevels {
 public:
  // `loop` outlives it.
  explicit FormerLevels(Loop& loop) : loop_(loop) {}

  // Precondition: no unit is under way there; only late answers matter from now on.
  void Add(std::unique_ptr<LevelSender> level);
  // Lanes in which something is under way to the level of this name.
  sending::Lanes BusyLanes(std::string_view name) const;
  // Those over which nothing is under way go. `now`: the way to the level of this name today; null:
  // there is none.
  void DropIdle(const std::function<const LevelSender*(std::string_view name)>& now);

 private:
  Loop& loop_;
  std::vector<std::unique_ptr<LevelSender>> levels_;
};

}  // namespace gapless::queue
