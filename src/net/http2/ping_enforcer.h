// PingEnforcer: the server's side of gRPC keepalive enforcement
// (https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md). Pure.
//
// A ping that comes sooner than allowed after the last one is a strike; the third strike ends the
// connection. Sending HEADERS or DATA forgives, so that bandwidth probes around calls are no
// strikes.
#pragma once

#include "base/loop.h"

#include <optional>

namespace gapless::net {

class PingEnforcer {
 public:
  PingEnforcer(Duration min_interval, bool permit_without_stream)
      : min_interval_(min_interval), permit_without_stream_(permit_without_stream) {}

  // False: the connection is to be ended.
  bool OnPing(TimePoint now, bool has_streams) {
    const std::optional<TimePoint> last = last_;
    last_ = now;
    if (forgiven_ || !last) {
      forgiven_ = false;
      strikes_ = 0;
      return true;
    }
    const Duration interval =
        has_streams || permit_without_stream_ ? min_interval_ : kIntervalWithoutStream;
    if (now - *last < interval) {
      ++strikes_;
    }
    return strikes_ <= kMaxStrikes;
  }
  void OnAnswerSent() { forgiven_ = true; }

 private:
  static constexpr int kMaxStrikes = 2;
  static constexpr Duration kIntervalWithoutStream = std::chrono::hours(2);

  const Duration min_interval_;
  const bool permit_without_stream_;
  std::optional<TimePoint> last_;
  bool forgiven_ = false;
  int strikes_ = 0;
};

}  // namespace gapless::net
