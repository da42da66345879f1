#include "routing/health_check.h"

#include <algorithm>

namespace gapless::routing {

bool HealthJudge::OnAnswer(bool good) {
  against_ = good == healthy_ ? 0 : against_ + 1;
  if (against_ < (healthy_ ? fall_ : rise_)) {
    return false;
  }
  healthy_ = good;
  against_ = 0;
  return true;
}

HealthCheck::HealthCheck(Loop& loop, sending::HealthCheckSettings settings,
                         std::shared_ptr<HealthAsker> asker, Verdict verdict)
    : loop_(loop),
      settings_(std::move(settings)),
      asker_(std::move(asker)),
      verdict_(std::move(verdict)),
      judge_(settings_.fall, settings_.rise),
      next_(loop_.RunAfter(Duration::zero(), [this] { Ask(); })) {}

void HealthCheck::Ask() {
  const TimePoint asked = loop_.Now();
  asker_->Ask(settings_.timeout, lifetime_.Guard([this, asked](const Status& status) {
    next_ = loop_.RunAt(std::max(asked + settings_.interval, loop_.Now()), [this] { Ask(); });
    if (judge_.OnAnswer(status.ok())) {
      verdict_(status.ok(), status);
    }
  }));
}

}  // namespace gapless::routing
