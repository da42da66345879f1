// What watches over a client's connection: whether it has gone silent, and keepalive. Both on the
// connection's worker.
#pragma once

#include "base/loop.h"
#include "net/dial/liveness.h"
#include "net/http/client_session.h"
#include "net/loop/socket.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gapless::net {

struct KeepaliveOptions {
  // PING after so long without a byte from the peer; zero: never.
  Duration time = {};
  // A PING that is unanswered for so long ends the connection.
  Duration timeout = std::chrono::seconds(10);
  // Also while nothing is in flight.
  bool permit_without_stream = false;
};

// Runs a Liveness for one connection: samples how far uploads got, PINGs, and passes on what
// Liveness finds.
class LivenessWatch {
 public:
  // `on_verdict`: see doubt(). It may Stop.
  LivenessWatch(Loop& loop, Socket& socket, Duration suspect_after, Task on_verdict)
      : loop_(loop),
        socket_(socket),
        suspect_after_(suspect_after),
        on_verdict_(std::move(on_verdict)),
        liveness_({.suspect_after = suspect_after}) {}

  void Start(ClientSession& session) {
    session_ = &session;
    liveness_ = Liveness({.suspect_after = suspect_after_, .can_ping = session.can_ping()});
  }
  void Stop() {
    session_ = nullptr;
    timer_.Cancel();
  }
  // Looks whether there is anything to wait for. To be called after each event.
  void Arm() {
    auto next = liveness_.NextPoll();
    if (!session_ || !next) {
      return;
    }
    // A timer that fires early only looks again: cheaper than moving it with every packet.
    const TimePoint soon = loop_.Now() + suspect_after_ / kSamples;
    if (timer_.armed() && timer_at_ <= std::min(*next, soon)) {
      return;
    }
    if (socket_.AckedBytes() < socket_.queued_bytes()) {
      next = std::min(*next, soon);
    }
    if (timer_.armed() && timer_at_ <= *next) {
      return;
    }
    timer_at_ = std::max(*next, loop_.Now());
    timer_ = loop_.RunAt(timer_at_, [this] { OnTimer(); });
  }

  // `first`: nothing else is in flight.
  void OnRequestStarted(bool first) {
    liveness_.OnRequestStarted(loop_.Now());
    if (first) {
      // What was acknowledged before this request is no sign of life after it.
      Sample();
    }
  }
  void OnRequestEnded() { liveness_.OnRequestEnded(); }
  // Bytes came. True if there was doubt.
  bool OnReceived(TimePoint now) {
    liveness_.OnReceived(now);
    return std::exchange(doubt_, Liveness::Action::kNone) != Liveness::Action::kNone;
  }
  void OnAnswer() { liveness_.OnAnswer(loop_.Now()); }
  void OnPingAck() { liveness_.OnPingAck(loop_.Now()); }
  // The doubt was unfounded: watch as if the peer had spoken at `spoke`, which may lie ahead.
  void Acquit(TimePoint spoke) {
    doubt_ = Liveness::Action::kNone;
    liveness_.OnReceived(spoke);
    Arm();
  }

  // The verdict, until the peer speaks or is acquitted; else kNone.
  Liveness::Action doubt() const { return doubt_; }
  bool doubtful() const { return doubt_ != Liveness::Action::kNone; }
  // True if the peer's kernel has not yet acknowledged everything that was sent, and not because
  // the peer's process reads too slowly.
  bool HasUnacknowledged() const {
    return socket_.AckedBytes() < socket_.queued_bytes() && !socket_.ReaderIsFull();
  }

 private:
  // Looks per suspect_after at how far an upload got.
  static constexpr int kSamples = 8;

  void Sample() {
    (void)socket_.ReaderIsFull();  // for the sake of what it does
    liveness_.OnTransportAcked(socket_.AckedBytes(), socket_.queued_bytes(), loop_.Now());
  }
  void OnTimer() {
    Sample();
    const Liveness::Action action = liveness_.Poll(loop_.Now());
    if (action == Liveness::Action::kSendPing) {
      session_->Ping();
      liveness_.OnPingSent(socket_.queued_bytes(), socket_.RoundTrip());
    } else if (action != Liveness::Action::kNone) {
      doubt_ = action;
      on_verdict_();
    }
    Arm();
  }

  Loop& loop_;
  Socket& socket_;
  const Duration suspect_after_;
  Task on_verdict_;
  ClientSession* session_ = nullptr;  // null: not started, or stopped
  Liveness liveness_;
  Liveness::Action doubt_ = Liveness::Action::kNone;
  TimePoint timer_at_{};
  Timer timer_;
};

// PINGs a peer that says nothing, as gRPC's clients do.
class Keepalive {
 public:
  // `on_dead`: a PING was not answered in time.
  Keepalive(Loop& loop, const KeepaliveOptions& options, Task on_dead)
      : loop_(loop), options_(options), on_dead_(std::move(on_dead)) {}

  void Start(ClientSession& session) {
    session_ = &session;
    last_heard_ = loop_.Now();
    Arm();
  }
  void Stop() { timer_.Cancel(); }
  void OnReceived(TimePoint now) {
    last_heard_ = now;
    asked_ = false;
  }

 private:
  void Arm() {
    if (options_.time > Duration::zero() && session_->can_ping()) {
      timer_ = loop_.RunAfter(asked_ ? options_.timeout : options_.time, [this] { OnTimer(); });
    }
  }
  void OnTimer() {
    if (asked_) {
      return on_dead_();
    }
    const bool due = loop_.Now() - last_heard_ >= options_.time;
    if (due && (options_.permit_without_stream || session_->in_flight() > 0)) {
      asked_ = true;
      session_->Ping();
    }
    Arm();
  }

  Loop& loop_;
  const KeepaliveOptions options_;
  Task on_dead_;
  ClientSession* session_ = nullptr;
  TimePoint last_heard_{};
  bool asked_ = false;
  Timer timer_;
};

}  // namespace gapless::net
