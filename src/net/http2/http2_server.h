// HTTP/2 server connections (RFC 9113) over nghttp2. Entry point for the session in http_server.cc
// only.
//
// Request bodies are slices of the receive slabs, responses leave as slices of their ropes. A
// stream's window is opened beyond the first bytes once the budget of the server has promised room
// for the whole body (request_bodies.h). A connection that sends frames without end that carry no
// request is told ENHANCE_YOUR_CALM (frame_meter.h).
#pragma once

#include "base/status.h"

#include <cstdint>
#include <memory>

namespace gapless::net {

class ServerConnection;
struct Http2Upgrade;
struct ServerEnv;

struct Http2ServerOptions {
  uint32_t max_concurrent_streams = 1000;
  uint32_t connection_window_bytes = 16 * 1024 * 1024;
  size_t max_header_bytes =
      64 * 1024;  // per request, with 32 bytes per field as in SETTINGS_MAX_HEADER_LIST_SIZE
  // A request whose body makes no progress for this long is refused, as is one that is slower than
  // request_bodies.h says; one whose answer cannot be sent for so long is reset; zero: never.
  Duration stall_timeout = std::chrono::seconds(60);

  // gRPC keepalive (server_parameters). Zero: infinite.
  Duration max_connection_idle = {};
  Duration max_connection_age = {};        // with up to 10 % jitter
  Duration max_connection_age_grace = {};  // zero: requests in flight may take as long as they like
  Duration ping_after = std::chrono::hours(2);
  Duration ping_timeout = std::chrono::seconds(20);
  // gRPC keepalive (enforcement_policy): more than two early pings between answers end the
  // connection.
  bool enforce_pings = false;
  Duration min_ping_interval = std::chrono::minutes(5);
  bool permit_pings_without_stream = false;
};

// `options` outlive the connection.
std::unique_ptr<ServerConnection> NewHttp2ServerConnection(const Http2ServerOptions& options,
                                                           ServerEnv env);
// Goes on with a connection that was HTTP/1.1 up to now: 101 has been sent.
std::unique_ptr<ServerConnection> UpgradeToHttp2(const Http2ServerOptions& options, ServerEnv env,
                                                 Http2Upgrade upgrade);

}  // namespace gapless::net
