// One path of a level as the backfill uses it. Private to the backfill's .cc files.
#pragma once

#include "delivery/backfill.h"
#include "delivery/sender_path.h"

namespace gapless::delivery {

class Backfill::Path final : public SenderPath {
 public:
  Path(Backfill& owner, size_t index, const QueueLevel& level)
      : SenderPath(level.paths[index]),
        owner_(owner),
        index_(index),
        alone_(level.paths.size() == 1) {}

  void OnAttempt(DeliveryId id, const AttemptResult& result) override {
    if (const auto unit = UnitOf(id)) {
      owner_.OnAttempt(*unit, result);
    }
  }
  void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) override {
    const auto unit = TakeUnitOf(id);
    if (!unit) {
      return;
    }
    if (end == DeliveryEnd::kLate) {
      owner_.OnLate(*unit, alone_, result);
    } else {
      owner_.OnEnd(index_, *unit, end, result);
    }
  }
  // The queue's own client of this sender hears these, and wakes the backfill.
  void OnDialFailed(const Status&) override {}
  void OnConnectionLost(const Status&) override {}
  void OnConnected() override {}
  void OnRoom() override {}

 private:
  Backfill& owner_;
  const size_t index_;
  const bool alone_;
};

}  // namespace gapless::delivery
