// Throttle: how fast and in what size a destination is fed that asks for less.
//
// A peer that answers 429 or RESOURCE_EXHAUSTED seldom says how long to wait, and never whether the
// request was too large or came too early. Both are learned here:
//
//   size   A unit larger than all that the peer has taken lately is cut to what it has taken; where
//          it has taken nothing, it is halved when it is refused again. The cap grows by half with
//          each unit that fills it, until it does not matter any more.
//   rate   A unit of a size that the peer takes came too early: the rate, in items per second, is
//          lowered by a part, and the unit waits a while, longer with each refusal. Each success
//          raises the rate, the more the longer nothing was refused (additive increase,
//          multiplicative decrease). After a minute without a refusal it is forgotten.
//   slots  After a pause one unit tries; each success permits one more.
//
// A peer that names a delay is obeyed. A peer that has taken nothing lately is left alone for as
// long as the back-off says. Pure: the caller brings the clock. One per sender, on its loop.
#pragma once

#include "base/loop.h"

#include <cstdint>
#include <optional>

namespace gapless::sending {

class Throttle {
 public:
  explicit Throttle(uint32_t slots) : slots_max_(slots), slots_(slots) {}

  struct Refusal {
    uint64_t items = 0;
    TimePoint sent{};                 // when the attempt began
    std::optional<Duration> delay{};  // that the peer asked for
    Duration back_off{};              // what the retry schedule says
  };
  struct Verdict {
    Duration pause{};     // nothing is sent for so long
    uint64_t cut_to = 0;  // send the unit in pieces of so many items; 0: as it is
  };
  Verdict OnRefused(const Refusal& refusal, TimePoint now);
  void OnTaken(uint64_t items, TimePoint now);
  // The peer is back after it was away: what it asked for before says nothing.
  void Forget();
  // An attempt of so many items begins.
  void OnSent(uint64_t items, TimePoint now);

  // When the next attempt may begin, beside so many that are in flight; none: not before one ends.
  std::optional<TimePoint> Next(size_t in_flight, TimePoint now) const;
  // Items of one unit at the most; 0: any number.
  uint64_t item_cap() const;
  // Refused lately: it takes less than it is given.
  bool limited(TimePoint now) const;
  // Until when nothing is sent, as the last refusal demands.
  std::optional<TimePoint> paused_until(TimePoint now) const;

 private:
  bool HasTakenLately(TimePoint now) const;
  double MeasuredRate(TimePoint now) const;
  uint64_t CutTo(uint64_t items) const;
  Duration PauseFor(const Refusal& refusal, TimePoint now);
  void Count(uint64_t items, TimePoint now);
  void GrowCap(uint64_t items, TimePoint now);

  const uint32_t slots_max_;
  uint32_t slots_;
  uint32_t refusals_ = 0;  // since the last success
  std::optional<TimePoint> refused_at_;
  TimePoint paused_until_{};
  TimePoint next_{};
  double rate_ = 0;       // items per second; 0: not limited
  bool guessed_ = false;  // the rate was never too high so far, so it may be far too low
  uint64_t item_cap_ = 0;
  uint64_t taken_most_ = 0;  // items of the largest unit that was taken lately
  TimePoint grow_after_{};
  // What was taken, for the first guess of the rate: two stretches of time.
  TimePoint counting_since_{};
  uint64_t counted_ = 0;
  uint64_t counted_before_ = 0;
  std::optional<TimePoint> taken_at_;
};

}  // namespace gapless::sending
