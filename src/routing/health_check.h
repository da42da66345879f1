// Health checks that decide: a level's own health page is asked, and its word takes the level out
// of use and brings it back. The guide's health script, built in.
//
// Beside the outcomes of real attempts, never instead of them: a level whose page says that all is
// well still goes down when it does not take data.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "base/status.h"
#include "sending/settings.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace gapless::routing {

// One page of one backend. On the home loop.
class HealthAsker {
 public:
  using Answer = std::move_only_function<void(Status)>;
  virtual ~HealthAsker() = default;
  // OK: the backend says that it is well. `done` fires once on a later turn, at the latest after
  // `timeout`; not after the asker is destroyed.
  virtual void Ask(Duration timeout, Answer done) = 0;
};

// From answers to verdicts: so many bad ones in a row, so many good ones. Healthy at first. Pure.
class HealthJudge {
 public:
  // Both at least 1.
  HealthJudge(uint32_t fall, uint32_t rise) : fall_(fall), rise_(rise) {}

  // True if the verdict changed.
  bool OnAnswer(bool good);
  bool healthy() const { return healthy_; }

 private:
  const uint32_t fall_;
  const uint32_t rise_;
  bool healthy_ = true;
  uint32_t against_ = 0;  // answers in a row that contradict the verdict
};

class HealthCheck {
 public:
  // Called when the verdict changed, with the last answer.
  using Verdict = std::move_only_function<void(bool healthy, const Status& last)>;

  // Asks at once and then every interval. `loop` outlives it.
  HealthCheck(Loop& loop, sending::HealthCheckSettings settings, std::shared_ptr<HealthAsker> asker,
              Verdict verdict);
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

  const sending::HealthCheckSettings& settings() const { return settings_; }
  bool healthy() const { return judge_.healthy(); }

 private:
  void Ask();

  Loop& loop_;
  const sending::HealthCheckSettings settings_;
  const std::shared_ptr<HealthAsker> asker_;
  Verdict verdict_;
  HealthJudge judge_;
  Timer next_;
  Lifetime lifetime_;
};

}  // namespace gapless::routing
