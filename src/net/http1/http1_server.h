// HTTP/1.1 server connections (RFC 9112). Entry point for the session in http_server.cc only.
//
// Keep-alive and pipelining (requests are answered one after the other), chunked and sized bodies,
// Expect: 100-continue. A client on a plain connection that asks for h2c is told 101 once its
// request is complete, and the connection goes on as HTTP/2, where the server offers it.
#pragma once

#include "base/status.h"
#include "net/http1/http1_parser.h"

#include <memory>

namespace gapless::net {

class ServerConnection;
struct ServerEnv;

struct Http1ServerOptions {
  Http1Limits limits;
  bool keep_alives = true;
  // As in Go's net/http.Server; zero: none (read_header_timeout and idle_timeout then follow
  // read_timeout).
  Duration read_timeout = {};         // first byte of a request to its last
  Duration read_header_timeout = {};  // first byte of a request to the end of its header
  Duration write_timeout = {};        // end of the header to the last byte of the response
  Duration idle_timeout = {};         // between requests
  // A request that makes no progress for this long is refused whatever the above say; zero: never.
  Duration stall_timeout = std::chrono::seconds(60);
  // Pipelined bytes that are kept while a request is being handled; more stay in the socket.
  size_t max_pipelined_bytes = 64 * 1024;
};

// `options` outlive the connection.
std::unique_ptr<ServerConnection> NewHttp1ServerConnection(const Http1ServerOptions& options,
                                                           ServerEnv env);

}  // namespace gapless::net
