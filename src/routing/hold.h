// Hold: how long a level that fell stays down at least. It doubles when the level falls within 60 s
// of its return, up to 5 minutes, and halves for every 5 minutes that the level stayed up. Pure.
#pragma once

#include "base/loop.h"

#include <algorithm>
#include <chrono>

namespace gapless::routing {

class Hold {
 public:
  explicit Hold(Duration configured) : configured_(configured), value_(configured) {}

  Duration value() const { return value_; }
  // Longer than configured, since the level flaps; zero: as configured.
  Duration grown() const { return value_ > configured_ ? value_ : Duration::zero(); }

  // The level falls after it was up for so long.
  void OnFall(Duration up) {
    if (up < kFlapWindow) {
      value_ = std::min(value_ * 2, kMax);
      return;
    }
    for (; up >= kDecay && value_ > configured_; up -= kDecay) {
      value_ = std::max(value_ / 2, configured_);
    }
  }
  // A new configuration: one that grew stays.
  void Configure(Duration configured) {
    value_ = std::max(grown(), configured);
    configured_ = configured;
  }
  // What `grown` said in an earlier process.
  void Restore(Duration saved) {
    value_ = std::clamp(saved, configured_, std::max(kMax, configured_));
  }

 private:
  static constexpr Duration kFlapWindow = std::chrono::seconds(60);
  static constexpr Duration kDecay = std::chrono::minutes(5);
  static constexpr Duration kMax = std::chrono::minutes(5);

  Duration configured_;
  Duration value_;
};

}  // namespace gapless::routing
