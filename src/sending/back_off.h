// BackOff: the deliveries of a sender that wait between two attempts, and whether fresh ones may go
// all the same.
//
// Few may wait for a destination that does not answer. Those that a living peer fails may be many,
// as others may be taken meanwhile: the door stays open while that was seen lately, and else a
// fresh delivery every 100 ms finds out. Pure; one thread.
#pragma once

#include "base/loop.h"
#include "sending/delivery.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace gapless::sending {

class BackOff {
 public:
  static constexpr size_t kMax = 64;
  static constexpr size_t kFailedByPeerMax = 4096;

  size_t size() const { return others_ + failed_by_peer_; }
  void Add(const Delivery& delivery) { ++CountOf(delivery); }
  void Remove(const Delivery& delivery) { --CountOf(delivery); }

  // A delivery was taken.
  void OnTaken(TimePoint now) { taken_ = now; }
  // A fresh one goes.
  void OnFresh(TimePoint now) { next_fresh_ = now + kTrickle; }

  bool Open(TimePoint now) const {
    if (size() < kMax) {
      return true;
    }
    return others_ < kMax && failed_by_peer_ < kFailedByPeerMax &&
           (TakesOthers(now) || now >= next_fresh_);
  }
  // When it opens although nothing changes; nullopt: it is open, or does not.
  std::optional<TimePoint> OpensAt(TimePoint now) const {
    const bool will = others_ < kMax && failed_by_peer_ < kFailedByPeerMax;
    return will && !Open(now) ? std::optional(next_fresh_) : std::nullopt;
  }

  // Those that the peer failed and whose time has come, in order: they go behind fresh ones, and
  // every fourth time before them.
  std::deque<DeliveryId> again;
  bool IsTurnOfAgain() { return !again.empty() && ++turns_ % 4 == 0; }

 private:
  static constexpr Duration kTrickle = std::chrono::milliseconds(100);
  static constexpr Duration kLately = std::chrono::minutes(1);

  size_t& CountOf(const Delivery& delivery) {
    return delivery.failed_by_peer ? failed_by_peer_ : others_;
  }
  bool TakesOthers(TimePoint now) const { return taken_ && now - *taken_ <= kLately; }

  size_t others_ = 0;
  size_t failed_by_peer_ = 0;
  std::optional<TimePoint> taken_;
  TimePoint next_fresh_{};
  uint64_t turns_ = 0;
};

}  // namespace gapless::sending
