#include "net/dial/liveness.h"

#include <algorithm>

namespace gapless::net {

void Liveness::OnRequestStarted(TimePoint now) {
  // Silence of an idle connection says nothing: the watch begins with the first request.
  if (requests_++ == 0) {
    last_evidence_ = now;
    verdict_ = Action::kNone;
  }
}

void Liveness::OnRequestEnded() {
  GAPLESS_DCHECK(requests_ > 0);
  --requests_;
}

void Liveness::Evidence(TimePoint now) {
  last_evidence_ = now;
  verdict_ = Action::kNone;
}

void Liveness::OnAnswer(TimePoint now) {
  pings_since_answer_ = 0;
  Evidence(now);
}

void Liveness::OnPingAck(TimePoint now) {
  ping_outstanding_ = false;
  ping_position_.reset();
  Evidence(now);
}

void Liveness::OnTransportAcked(uint64_t acked, uint64_t written, TimePoint now) {
  const bool moved = acked > acked_;
  acked_ = acked;
  // Once the peer's kernel has the PING, only the peer's process can answer it: a stopped process
  // goes on acknowledging.
  const bool ping_arrived = ping_position_ && acked >= *ping_position_;
  if (moved && acked < written && !ping_arrived) {
    Evidence(now);
  }
}

Liveness::Action Liveness::Poll(TimePoint now) {
  if (requests_ == 0 || verdict_ != Action::kNone) {
    return Action::kNone;
  }
  const Duration silence = now - last_evidence_;
  if (silence >= options_.suspect_after) {
    // A PING that went out late, because this process was busy, has its time as well.
    const bool asked = ping_outstanding_ ? now - ping_sent_ >= ping_within() : !options_.can_ping;
    if (asked) {
      return verdict_ = Action::kSuspect;
    }
    if (!ping_outstanding_ && pings_since_answer_ >= kPingsBetweenAnswers) {
      return verdict_ = Action::kReplace;
    }
  }
  if (options_.can_ping && silence >= half() && !ping_outstanding_ &&
      pings_since_answer_ < kPingsBetweenAnswers) {
    ping_outstanding_ = true;
    ping_sent_ = now;
    ping_position_.reset();
    ++pings_since_answer_;
    return Action::kSendPing;
  }
  return Action::kNone;
}

std::optional<TimePoint> Liveness::NextPoll() const {
  if (requests_ == 0 || verdict_ != Action::kNone) {
    return std::nullopt;
  }
  const bool may_ping =
      options_.can_ping && !ping_outstanding_ && pings_since_answer_ < kPingsBetweenAnswers;
  if (may_ping) {
    return last_evidence_ + half();
  }
  const TimePoint due = last_evidence_ + options_.suspect_after;
  return ping_outstanding_ ? std::max(due, ping_sent_ + ping_within()) : due;
}

}  // namespace gapless::net
