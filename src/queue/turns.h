// Turns: an event from outside, and all that it changes, is one turn. What the changes allow, such
// as sending the next unit, is done once at the end of the outermost turn, never inside it: who
// walks over units finds them as they were. One thread.
#pragma once

#include "base/loop.h"

#include <utility>

namespace gapless::queue {

class Turns {
 public:
  // Called at the end of every outermost turn, as its last part.
  explicit Turns(Task at_end) : at_end_(std::move(at_end)) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Held for as long as the turn lasts.
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(turns) { ++turns_.depth_; }
    ~Turn() {
      if (turns_.depth_ == 1) {
        turns_.at_end_();
      }
      --turns_.depth_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
  };

  // Units, levels or room have changed: the end of the turn has something to dispatch.
  void WantDispatch() { dispatch_wanted_ = true; }
  bool dispatch_wanted() const { return dispatch_wanted_; }
  // Whether it was wanted since the last call.
  bool TakeDispatch() { return std::exchange(dispatch_wanted_, false); }

 private:
  Task at_end_;
  int depth_ = 0;
  bool dispatch_wanted_ = false;
};

}  // namespace gapless::queue
