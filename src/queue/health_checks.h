// HealthChecks: the health pages of a queue's levels. Home loop.
#pragma once

#include "queue/queue_level.h"
#include "routing/health_check.h"
#include "telemetry/log.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::queue {

class HealthChecks {
 public:
  // `changed`: a page has another verdict. All references outlive it.
  HealthChecks(Loop& loop, const telemetry::Logger& log, std::function<void()> changed)
      : loop_(loop), log_(log), changed_(std::move(changed)) {}

  // Of a page that stays the verdict so far is kept.
  void Build(const std::vector<QueueLevel>& levels);
  // No page of the level says otherwise.
  bool IsWell(std::string_view level) const;
  void End() { pages_.clear(); }

 private:
  struct Page {
    std::string level;
    std::unique_ptr<routing::HealthCheck> check;
  };
  Page New(const std::string& level, const QueueLevel::Health& health);

  Loop& loop_;
  const telemetry::Logger& log_;
  std::function<void()> changed_;
  std::vector<Page> pages_;
};

}  // namespace gapless::queue
