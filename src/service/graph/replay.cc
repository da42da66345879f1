// What an operator wishes to be sent again.
#include "config/nearest.h"
#include "service/graph/commands.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

// The level of the queue that sends to this exporter, or is named so.
std::optional<size_t> LevelOf(const QueuePlan& plan, const std::string& name) {
  for (size_t i = 0; i < plan.levels.size(); ++i) {
    const LevelPlan& level = plan.levels[i];
    if (level.name == name || std::ranges::any_of(level.paths, [&](const PathPlan& path) {
          return path.exporter.ToString() == name;
        })) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<ReplayAnswer> Replay(const GraphContext& context, const QueueSet& queues,
                            const ReplayWish& wish) {
  ReplayAnswer answer{.asked = wish.since, .queues = {}};
  std::set<std::string> known;
  for (const auto& [key, host] : queues.active()) {
    for (const LevelPlan& level : host->plan().levels) {
      known.insert(level.name);
    }
    const auto level = LevelOf(host->plan(), wish.to);
    if (!level || (wish.signal && *wish.signal != key.signal)) {
      continue;
    }
    ReplayAnswer::Queue& queue = answer.queues.emplace_back();
    queue.owner = key.owner.ToString();
    queue.signal = key.signal;
    queue.level = host->plan().levels[*level].name;
    host->With([&](queue::SendingQueue& sending) {
      const WallTime now = host->home().WallNow();
      if (const auto since = sending.journal().stats().retained_since) {
        queue.reach = now - *since;
      }
      queue.amount = sending.Replay(*level, now - wish.since);
    });
    context.log.Unsampled().Info("replay: what was delivered is sent again",
                                 {{"queue", queue.owner},
                                  {"signal", otlp::Names(queue.signal).name},
                                  {"destination", queue.level},
                                  {"since", wish.since},
                                  {"requests", queue.amount.requests},
                                  {"items", queue.amount.items}});
  }
  if (answer.queues.empty()) {
    return NotFound(fmt::format("nothing is sent to \"{}\"; there are: {}{}", wish.to,
                                fmt::join(known, ", "),
                                config::NearestHint(wish.to, {known.begin(), known.end()})));
  }
  return answer;
}

}  // namespace gapless::service
