// What ends an HTTP/2 server's connection: keepalive, and a goodbye that loses no request. Internal
// to net.
#pragma once

#include "base/loop.h"
#include "net/http2/http2_server.h"
#include "net/http2/ping_enforcer.h"
#include "net/loop/worker.h"

#include <cstdint>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

// What these parts ask of the connection.
class Http2Link {
 public:
  virtual nghttp2_session* session() = 0;
  virtual Worker& worker() = 0;
  // Sends the frames that were submitted: now, or together with others of this turn.
  virtual void Flush() = 0;
  virtual void ScheduleFlush() = 0;
  // The connection has nothing more to do.
  virtual void Finish() = 0;

 protected:
  ~Http2Link() = default;
};

// gRPC keepalive: PINGs an idle peer, ends the connection of one that does not answer, or that
// sends too many PINGs itself.
class Http2Keepalive {
 public:
  Http2Keepalive(const Http2ServerOptions& options, Http2Link& link);

  // Bytes came.
  void OnReceived() { last_received_ = link_.worker().Now(); }
  void OnPing(bool has_streams);
  void OnPingAck() { outstanding_ = false; }
  void OnAnswerSent() { enforcer_.OnAnswerSent(); }

 private:
  void Arm();
  void OnTimer();

  const Http2ServerOptions& options_;
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
  Http2Goodbye(const Http2ServerOptions& options, Http2Link& link);

  void OnStreamBegun();
  void OnLastStreamEnded();
  // `data`: eight bytes.
  void OnPingAck(const uint8_t* data);
  // A connection that is young and has had no request gets a moment for its first one.
  void Drain();

  // The first GOAWAY is out.
  bool said() const { return said_; }
  // So is the second one: what streams there are will be the last.
  bool final() const { return said_ && !final_timer_.armed(); }

 private:
  void ArmIdle();
  void Say();
  void SayFinal();

  const Http2ServerOptions& options_;
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
