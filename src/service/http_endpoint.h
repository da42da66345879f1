// HttpEndpoint: one of the process's own small HTTP servers (metrics, admin API). Control worker
// only, where its requests are served too.
#pragma once

#include "net/http_server.h"
#include "net/listener.h"

#include <memory>
#include <string>
#include <string_view>

namespace gapless::service {

class HttpEndpoint {
 public:
  // Errors: UNAVAILABLE when the port is taken.
  static Result<std::unique_ptr<HttpEndpoint>> Open(net::Worker& worker, std::string_view endpoint,
                                                    std::shared_ptr<net::HttpHandler> handler);
  // Ends one while the process runs on: requests in flight are answered, and whoever opens the same
  // address shortly after gets the same socket. May be called from inside its own handler.
  static void Close(std::unique_ptr<HttpEndpoint> endpoint);
  // Precondition: its worker has stopped; before that, Close.
  ~HttpEndpoint();

  // With the real port.
  std::string address() const;

 private:
  HttpEndpoint(net::Worker& worker, std::shared_ptr<net::Listener> listener,
               std::shared_ptr<net::HttpServer> server);

  net::Worker& worker_;
  std::shared_ptr<net::Listener> listener_;
  std::shared_ptr<net::HttpServer> server_;
};

}  // namespace gapless::service
