// Liveness: finds out that a connection has gone silent (a "black hole": packets dropped, a stopped
// process, a NAT that forgot) long before an export timeout does. Pure: no clock, no sockets; the
// caller injects the time.
//
// Evidence of life is anything that the peer sends (response bytes, WINDOW_UPDATE, the ACK of a
// PING), and bytes that the peer's kernel acknowledges while our PING still queues behind them (a
// slow link is not a dead one). Bytes that we merely wrote are no evidence.
//
// While a request is in flight:   silence = now - last evidence
//
//   silence >= suspect_after / 2    kSendPing, at most kPingsBetweenAnswers until the peer sends
//                                   response bytes again (gRPC servers answer more with GOAWAY
//                                   ENHANCE_YOUR_CALM)
//   silence >= suspect_after        kSuspect if a PING is unanswered for suspect_after / 2 and two
//                                   round trips (or pings are not to be had: HTTP/1.1),
//                                   kReplace if the PINGs are used up and were all answered: the
//                                   connection was slow when last asked and cannot be asked again,
//                                   so a fresh one has to tell
//
// Owned and called by one connection on its worker.
#pragma once

#include "base/loop.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace gapless::net {

class Liveness {
 public:
  struct Options {
    Duration suspect_after = std::chrono::seconds(1);
    // HTTP/1.1 has no PING: silence alone raises suspicion.
    bool can_ping = true;
  };
  enum class Action : uint8_t { kNone, kSendPing, kSuspect, kReplace };
  static constexpr int kPingsBetweenAnswers = 2;

  explicit Liveness(Options options) : options_(options) {}

  void OnRequestStarted(TimePoint now);
  void OnRequestEnded();
  // Bytes arrived that are no response (WINDOW_UPDATE, SETTINGS, any frame).
  // Also from elsewhere: `now` may lie ahead, to put the next suspicion off.
  void OnReceived(TimePoint now) { Evidence(now); }
  // HEADERS or DATA of a response arrived: the PING budget is full again.
  void OnAnswer(TimePoint now);
  void OnPingAck(TimePoint now);
  // The PING asked for was written; `position` is the number of bytes of the connection up to and
  // including it.
  // `round_trip` is the network's: a PING that is on its way for less than twice as long is no
  // silence.
  void OnPingSent(uint64_t position, Duration round_trip) {
    ping_position_ = position;
    network_round_trip_ = round_trip;
  }
  // A sample: how many bytes of the connection the peer's kernel has acknowledged, of how many
  // written. Progress counts while more is to come: when the last byte was acknowledged is unknown,
  // so that one says nothing. Take a sample when a request starts and several times per
  // suspect_after.
  void OnTransportAcked(uint64_t acked, uint64_t written, TimePoint now);

  // What is due at `now`. kSendPing and the verdicts are given once per occasion, not on every
  // call.
  Action Poll(TimePoint now);
  // When to call Poll next; nothing while no request is in flight or the verdict is given.
  std::optional<TimePoint> NextPoll() const;

  bool suspect() const { return verdict_ == Action::kSuspect; }
  // True while a PING is unanswered: requests in flight now may or may not have reached the peer.
  bool ping_outstanding() const { return ping_outstanding_; }

 private:
  void Evidence(TimePoint now);
  Duration half() const { return options_.suspect_after / 2; }
  // How long a PING may be unanswered.
  Duration ping_within() const { return std::max(half(), 2 * network_round_trip_); }

  Options options_;
  int requests_ = 0;
  TimePoint last_evidence_{};
  bool ping_outstanding_ = false;
  TimePoint ping_sent_{};
  Duration network_round_trip_{};
  int pings_since_answer_ = 0;
  std::optional<uint64_t> ping_position_;
  uint64_t acked_ = 0;
  Action verdict_ = Action::kNone;
};

}  // namespace gapless::net
