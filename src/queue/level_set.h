// LevelSet: the ways to the levels of a queue, most wanted first, and which of them new data takes.
//
// That is the active level. While it takes less than there is, and what waits has grown old, the
// next one helps (`overflow_after`). Home loop.
#pragma once

#include "queue/former_levels.h"
#include "queue/level_sender.h"
#include "queue/queue_context.h"
#include "routing/router.h"

#include <memory>
#include <optional>
#include <vector>

namespace gapless::queue {

class LevelSet {
 public:
  // Both outlive it.
  LevelSet(const QueueContext& queue, LevelSender::Client& client)
      : queue_(queue), client_(client), former_(queue.home) {}

  // The levels of the options, and their names in the metrics. Those that were there stay until
  // their late answers are in. Precondition: no unit is under way.
  void Build();
  size_t size() const { return levels_.size(); }
  LevelSender& at(size_t level) const { return *levels_[level]; }
  // Lanes in which something is under way to the level, also over senders of a former
  // configuration.
  sending::Lanes BusyLanes(size_t level) const;
  // Former levels over whose senders nothing is under way any more go.
  void DropIdle();

  // Decides whether the next level helps; says so in the log.
  void JudgeOverflow(const routing::Router& router);
  // The level that has room for new data; none: nothing new can be sent.
  std::optional<size_t> ForFresh(const routing::Router& router) const;

 private:
  const QueueContext& queue_;
  LevelSender::Client& client_;
  std::vector<std::unique_ptr<LevelSender>> levels_;
  FormerLevels former_;
  bool overflowing_ = false;
};

}  // namespace gapless::queue
