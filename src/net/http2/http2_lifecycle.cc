#include "net/http2/http2_lifecycle.h"

#include "base/rng.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace gapless::net {
namespace {

// After the first GOAWAY clients get this long to stop opening streams, if they do not answer the
// ping before.
constexpr auto kGoawayWait = std::chrono::seconds(1);
// A connection as young as that gets its first request before it is told to go: the client would
// only connect again.
constexpr auto kFirstRequestWait = std::chrono::milliseconds(500);
constexpr std::array<uint8_t, 8> kDrainPing = {'d', 'r', 'a', 'i', 'n', 0, 0, 1};
constexpr std::array<uint8_t, 8> kAlivePing = {'a', 'l', 'i', 'v', 'e', 0, 0, 1};
constexpr std::string_view kTooManyPings = "too_many_pings";

}  // namespace

Http2Keepalive::Http2Keepalive(const Http2ServerOptions& options, Http2Link& link)
    : options_(options),
      link_(link),
      enforcer_(options.min_ping_interval, options.permit_pings_without_stream),
      last_received_(link.worker().Now()) {
  Arm();
}

void Http2Keepalive::OnPing(bool has_streams) {
  if (!options_.enforce_pings || enforcer_.OnPing(link_.worker().Now(), has_streams)) {
    return;
  }
  // terminate_session would replace the text; its GOAWAY follows this one and closes the session.
  nghttp2_session* session = link_.session();
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_ENHANCE_YOUR_CALM,
                        reinterpret_cast<const uint8_t*>(kTooManyPings.data()),
                        kTooManyPings.size());
  nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
  link_.ScheduleFlush();
}

void Http2Keepalive::Arm() {
  if (options_.ping_after > Duration::zero()) {
    timer_ = link_.worker().RunAt(last_received_ + options_.ping_after, [this] { OnTimer(); });
  }
}

void Http2Keepalive::OnTimer() {
  if (link_.worker().Now() - last_received_ < options_.ping_after) {
    outstanding_ = false;
    return Arm();
  }
  if (outstanding_) {
    return link_.Finish();
  }
  outstanding_ = true;
  nghttp2_submit_ping(link_.session(), NGHTTP2_FLAG_NONE, kAlivePing.data());
  link_.Flush();
  timer_ = link_.worker().RunAfter(options_.ping_timeout, [this] { OnTimer(); });
}

Http2Goodbye::Http2Goodbye(const Http2ServerOptions& options, Http2Link& link)
    : options_(options), link_(link), begun_(link.worker().Now()) {
  ArmIdle();
  if (options_.max_connection_age > Duration::zero()) {
    const double jitter = 0.9 + 0.2 * Rng(RandomSeed()).Uniform();
    const auto age = std::chrono::duration_cast<Duration>(options_.max_connection_age * jitter);
    age_timer_ = link_.worker().RunAfter(age, [this] { Say(); });
  }
}

void Http2Goodbye::ArmIdle() {
  if (options_.max_connection_idle > Duration::zero()) {
    idle_timer_ = link_.worker().RunAfter(options_.max_connection_idle, [this] { Say(); });
  }
}

void Http2Goodbye::OnStreamBegun() {
  idle_timer_.Cancel();
  seen_request_ = true;
  if (first_request_timer_.armed()) {
    first_request_timer_ = link_.worker().RunAfter({}, [this] { Say(); });
  }
}

void Http2Goodbye::OnLastStreamEnded() { ArmIdle(); }

void Http2Goodbye::Drain() {
  const Duration age = link_.worker().Now() - begun_;
  if (!said_ && !seen_request_ && age < kFirstRequestWait) {
    first_request_timer_ = link_.worker().RunAfter(kFirstRequestWait - age, [this] { Say(); });
  } else {
    Say();
  }
}

void Http2Goodbye::Say() {
  if (said_) {
    return;
  }
  first_request_timer_.Cancel();
  said_ = true;
  final_timer_ = link_.worker().RunAfter(kGoawayWait, [this] { SayFinal(); });
  nghttp2_submit_shutdown_notice(link_.session());
  link_.Flush();  // nghttp2 sends pings first, and this one asks whether the notice was read
  nghttp2_submit_ping(link_.session(), NGHTTP2_FLAG_NONE, kDrainPing.data());
  if (options_.max_connection_age_grace > Duration::zero()) {
    grace_timer_ =
        link_.worker().RunAfter(options_.max_connection_age_grace, [this] { link_.Finish(); });
  }
  link_.ScheduleFlush();
}

void Http2Goodbye::OnPingAck(const uint8_t* data) {
  if (said_ && std::equal(kDrainPing.begin(), kDrainPing.end(), data)) {
    SayFinal();
  }
}

void Http2Goodbye::SayFinal() {
  final_timer_.Cancel();
  nghttp2_session* session = link_.session();
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR, nullptr,
                        0);
  link_.Flush();
}

}  // namespace gapless::net
