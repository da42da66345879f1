// The health pages of a queue's levels: asked here, heard by the router.
#include "delivery/sending_queue.h"

#include <algorithm>

namespace gapless::delivery {

// Of a page that stays the verdict so far is kept.
void SendingQueue::BuildHealthChecks() {
  std::vector<LevelCheck> old = std::move(health_checks_);
  health_checks_.clear();
  for (const QueueLevel& level : options_.levels) {
    for (const QueueLevel::Health& health : level.health) {
      const auto known = std::ranges::find_if(old, [&](const LevelCheck& before) {
        return before.level == level.name && before.check->settings() == health.settings;
      });
      if (known != old.end()) {
        health_checks_.push_back(std::move(*known));
        old.erase(known);
        continue;
      }
      auto verdict = [this, name = level.name, of = health.settings](
                         bool well, const Status& last) { OnVerdict(name, of, well, last); };
      health_checks_.push_back({.level = level.name,
                                .check = std::make_unique<HealthCheck>(
                                    home_, health.settings, health.asker, std::move(verdict))});
    }
  }
}

void SendingQueue::OnVerdict(const std::string& level, const HealthCheckSettings& of, bool well,
                             const Status& last) {
  if (well) {
    log_.Info("failover: health check passes again", {{"destination", level}, {"url", of.url}});
  } else {
    log_.Warn(
        "failover: health check fails",
        {{"destination", level}, {"url", of.url}, {"times", of.fall}, {"cause", last.message()}});
  }
  TellRouterOfHealth();
}

void SendingQueue::TellRouterOfHealth() {
  for (size_t i = 0; i < options_.levels.size(); ++i) {
    const bool well = std::ranges::none_of(health_checks_, [&](const LevelCheck& check) {
      return check.level == options_.levels[i].name && !check.check->healthy();
    });
    Feed({.kind = RouterEvent::Kind::kHealth,
          .level = i,
          .well = well,
          .error = well ? "" : "its health check fails"});
  }
}

}  // namespace gapless::delivery
