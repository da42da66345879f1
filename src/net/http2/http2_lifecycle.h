// What ends an HTTP/2 server's connection: keepalive, and a goodbye that loses no request. Internal
// to net.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "net/http2/http2_link.h"
#include "net/http2/http2_server.h"
#include "net/http2/ping_enforcer.h"
#include "net/loop/worker.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

// gRPC keepalive: PINGs an idle peer, ends the connection of one that does not answer, or that
// sends too many PINGs itself.
class Http2Keepalive {
 public:
  Http2Keepalive(const Http2ServerOptions& options, Worker& worker, nghttp2_session* session,
                 Http2Link& link)
      : options_(options),
        worker_(worker),
        session_(session),
        link_(link),
        enforcer_(options.min_ping_interval, options.permit_pings_without_stream),
        last_received_(worker.Now()) {
    Arm();
  }

  // Bytes came.
  void OnReceived() { last_received_ = worker_.Now(); }
  void OnPing(bool has_streams) {
    if (!options_.enforce_pings || enforcer_.OnPing(worker_.Now(), has_streams)) {
      return;
    }
    // terminate_session would replace the text; its GOAWAY follows this one and closes the session.
    nghttp2_submit_goaway(
        session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
        NGHTTP2_ENHANCE_YOUR_CALM, reinterpret_cast<const uint8_t*>(kTooManyPings.data()),
        kTooManyPings.size());
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    link_.ScheduleFlush();
  }
  void OnPingAck() { outstanding_ = false; }
  void OnAnswerSent() { enforcer_.OnAnswerSent(); }

 private:
  static constexpr std::array<uint8_t, 8> kPing = {'a', 'l', 'i', 'v', 'e', 0, 0, 1};
  static constexpr std::string_view kTooManyPings = "too_many_pings";

  void Arm() {
    if (options_.ping_after > Duration::zero()) {
      timer_ = worker_.RunAt(last_received_ + options_.ping_after, [this] { OnTimer(); });
    }
  }
  void OnTimer() {
    if (worker_.Now() - last_received_ < options_.ping_after) {
      outstanding_ = false;
      return Arm();
    }
    if (outstanding_) {
      return link_.Finish();
    }
    outstanding_ = true;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kPing.data());
    link_.Flush();
    timer_ = worker_.RunAfter(options_.ping_timeout, [this] { OnTimer(); });
  }

  const Http2ServerOptions& options_;
  Worker& worker_;
  nghttp2_session* const session_;
  Http2Link& link_;
  PingEnforcer enforcer_;
  TimePoint last_received_;
  bool outstanding_ = false;
  Timer timer_;
};

// A goodbye to a connection that is idle or old, or whose server ends. First a GOAWAY that refuses
// nothing; streams that cross it on the wire are still served (RFC 9113 section 6.8). The second
// one follows once the client has answered a PING, or after a second.
class Http2Goodbye {
 public:
  Http2Goodbye(const Http2ServerOptions& options, Worker& worker, nghttp2_session* session,
               Http2Link& link)
      : options_(options), worker_(worker), session_(session), link_(link), begun_(worker.Now()) {
    ArmIdle();
    if (options_.max_connection_age > Duration::zero()) {
      const double jitter = 0.9 + 0.2 * Rng(RandomSeed()).Uniform();
      const auto age = std::chrono::duration_cast<Duration>(options_.max_connection_age * jitter);
      age_timer_ = worker_.RunAfter(age, [this] { Say(); });
    }
  }

  void OnStreamBegun() {
    idle_timer_.Cancel();
    seen_request_ = true;
    if (first_request_timer_.armed()) {
      first_request_timer_ = worker_.RunAfter({}, [this] { Say(); });
    }
  }
  void OnLastStreamEnded() { ArmIdle(); }
  // `data`: eight bytes.
  void OnPingAck(const uint8_t* data) {
    if (said_ && std::equal(kPing.begin(), kPing.end(), data)) {
      SayFinal();
    }
  }
  // A connection that is young and has had no request gets a moment for its first one.
  void Drain() {
    const Duration age = worker_.Now() - begun_;
    if (!said_ && !seen_request_ && age < kFirstRequestWait) {
      first_request_timer_ = worker_.RunAfter(kFirstRequestWait - age, [this] { Say(); });
    } else {
      Say();
    }
  }

  // The first GOAWAY is out.
  bool said() const { return said_; }
  // The second one is not yet.
  bool between_goaways() const { return said_ && final_timer_.armed(); }

 private:
  // After the first GOAWAY clients get this long to stop opening streams, if they do not answer the
  // ping before.
  static constexpr auto kGoawayWait = std::chrono::seconds(1);
  // A connection as young as that gets its first request before it is told to go: the client would
  // only connect again.
  static constexpr auto kFirstRequestWait = std::chrono::milliseconds(500);
  static constexpr std::array<uint8_t, 8> kPing = {'d', 'r', 'a', 'i', 'n', 0, 0, 1};

  void ArmIdle() {
    if (options_.max_connection_idle > Duration::zero()) {
      idle_timer_ = worker_.RunAfter(options_.max_connection_idle, [this] { Say(); });
    }
  }
  void Say() {
    if (said_) {
      return;
    }
    first_request_timer_.Cancel();
    said_ = true;
    final_timer_ = worker_.RunAfter(kGoawayWait, [this] { SayFinal(); });
    nghttp2_submit_shutdown_notice(session_);
    link_.Flush();  // nghttp2 sends pings first, and this one asks whether the notice was read
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kPing.data());
    if (options_.max_connection_age_grace > Duration::zero()) {
      grace_timer_ =
          worker_.RunAfter(options_.max_connection_age_grace, [this] { link_.Finish(); });
    }
    link_.ScheduleFlush();
  }
  void SayFinal() {
    final_timer_.Cancel();
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
    link_.Flush();
  }

  const Http2ServerOptions& options_;
  Worker& worker_;
  nghttp2_session* const session_;
  Http2Link& link_;
  const TimePoint begun_;
  bool seen_request_ = false;
  bool said_ = false;
  Timer idle_timer_;
  Timer age_timer_;
  Timer first_request_timer_;
  Timer final_timer_;
  Timer grace_timer_;
};

}  // namespace gapless::net
