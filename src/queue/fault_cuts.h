// FaultCuts: how often units are cut because a level that answers fails them whole. Pure; one for
// each level.
//
// One bad record makes some backends fail all that it is merged with, in words that blame
// themselves (INTERNAL, 500). While others get through the unit is suspected and cut to its records
// (unit_policy.h). Where nothing gets through, because every unit has such a record, only cutting
// finds the good ones. A backend that is broken fails the pieces as well: so that it does not get
// more and more of them, a unit is cut every now and then, and rarely once cutting has not helped.
#pragma once

#include "base/loop.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace gapless::queue {

class FaultCuts {
 public:
  // Failures of one unit before it is cut, unless it is a piece of such a unit.
  static constexpr uint32_t kFailures = 2;

  // Whether a unit may be cut now; then it counts.
  bool Allow(TimePoint now) {
    if (credit_ > 0) {
      --credit_;
      return true;
    }
    if (now < next_) {
      return false;
    }
    next_ = now + (fruitless_ < kQuickCuts ? kPause : kLongPause);
    ++fruitless_;
    return true;
  }
  // The level took something, perhaps a piece of what was cut: then cutting helps, and the next
  // ones need not wait.
  void OnSuccess(bool piece) {
    fruitless_ = 0;
    credit_ = piece ? std::min(credit_ + kCredit, kMostCredit) : credit_;
  }

 private:
  // A merged unit of 8192 items is at its single items after 13.
  static constexpr uint32_t kQuickCuts = 16;
  // Cuts for each piece that was taken: where many records are bad it takes several to find a good
  // one.
  static constexpr uint32_t kCredit = 4;
  static constexpr uint32_t kMostCredit = 32;
  static constexpr Duration kPause = std::chrono::seconds(10);
  static constexpr Duration kLongPause = std::chrono::minutes(5);

  TimePoint next_{};
  uint32_t fruitless_ = 0;
  uint32_t credit_ = 0;
};

}  // namespace gapless::queue
