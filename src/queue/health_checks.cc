#include "queue/health_checks.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {

void HealthChecks::Build(const std::vector<QueueLevel>& levels) {
  std::vector<Page> old = std::exchange(pages_, {});
  for (const QueueLevel& level : levels) {
    for (const QueueLevel::Health& health : level.health) {
      const auto known = std::ranges::find_if(old, [&](const Page& page) {
        return page.level == level.name && page.check->settings() == health.settings;
      });
      if (known == old.end()) {
        pages_.push_back(New(level.name, health));
      } else {
        pages_.push_back(std::move(*known));
        old.erase(known);
      }
    }
  }
}

HealthChecks::Page HealthChecks::New(const std::string& level, const QueueLevel::Health& health) {
  auto verdict = [this, level, of = health.settings](bool well, const Status& last) {
    if (well) {
      log_.Info("failover: health check passes again", {{"destination", level}, {"url", of.url}});
    } else {
      log_.Warn(
          "failover: health check fails",
          {{"destination", level}, {"url", of.url}, {"times", of.fall}, {"cause", last.message()}});
    }
    changed_();
  };
  return {.level = level,
          .check = std::make_unique<routing::HealthCheck>(loop_, health.settings, health.asker,
                                                          std::move(verdict))};
}

bool HealthChecks::IsWell(std::string_view level) const {
  return std::ranges::none_of(
      pages_, [&](const Page& page) { return page.level == level && !page.check->healthy(); });
}

}  // namespace gapless::queue
