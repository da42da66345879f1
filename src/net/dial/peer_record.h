// PeerRecord: what a channel has seen of its peer, and how patient that makes it. Pure: the time is
// injected. One thread.
#pragma once

#include "net/dial/answer_times.h"
#include "net/dial/dial_policy.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace gapless::net {

class PeerRecord {
 public:
  // kQuestioned: from a failure until a dial is answered. Dials are to be greeted.
  enum class Health : uint8_t { kTrusted, kQuestioned };

  // A request was given to a connection; `alone`: no other answer is awaited.
  void OnSent(bool alone, TimePoint now) { busy_since_ = alone ? now : busy_since_; }
  // `doubted`: the peer had been found absent while the answer was awaited.
  void OnAnswer(TimePoint sent, bool doubted, TimePoint now) {
    OnGreeted(sent, doubted, now);
    gaps_.Add(now - std::max(last_answer_, busy_since_), now, doubted);
    last_answer_ = now;
  }
  void OnGreeted(TimePoint sent, bool doubted, TimePoint now) {
    answers_.Add(now - sent, now, doubted);
    answered_ = true;
  }
  void OnConnected(bool http1) { http1_ = http1; }
  void OnDialAnswered(Duration round_trip) {
    round_trip_ = round_trip;
    health_ = Health::kTrusted;
  }
  void Question() { health_ = Health::kQuestioned; }
  Health health() const { return health_; }
  // How long the caller waits for an answer.
  void set_timeout(Duration timeout) { timeout_ = timeout; }

  // Until then silence says nothing: twice the usual distance between answers, at least `patience`,
  // after the last one.
  TimePoint QuietUntil(Duration patience, TimePoint now) const {
    return answered_ ? last_answer_ + std::max(patience, 2 * gaps_.Slowest(now)) : TimePoint::min();
  }
  // The greeting waits behind our own requests inside a busy HTTP/1.1 backend, so it may take as
  // long as they do. HTTP/2 peers send SETTINGS however busy they are.
  DialPolicy::Patience PatienceNow(TimePoint now) const {
    Duration answer = 3 * round_trip_;
    if (http1_ && health_ == Health::kQuestioned) {
      answer = std::max(
          {answer, 3 * answers_.Slowest(now), answered_ ? Duration::zero() : kFirstAnswer});
    }
    return {
        .connect = 3 * round_trip_, .answer = answer, .spoke = last_answer_, .at_most = timeout_};
  }

 private:
  // A peer that has not answered anything yet may be one that takes its time.
  static constexpr Duration kFirstAnswer = std::chrono::seconds(3);

  AnswerTimes answers_;
  AnswerTimes gaps_;  // between answers, while any is awaited
  bool answered_ = false;
  bool http1_ = false;
  TimePoint last_answer_{};
  TimePoint busy_since_{};
  Duration round_trip_{};
  Duration timeout_ = std::chrono::seconds(30);
  Health health_ = Health::kTrusted;
};

}  // namespace gapless::net
