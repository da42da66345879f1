// HttpService: a small HTTP server on one worker from start to end: status pages, probes. Web pages
// of other sites are kept out (BrowserGuard). It has room for 32 connections, or as many as its
// options say, beside those of other servers; when they are used up, the one that has been idle
// longest gives way to a new one.
#pragma once

#include "net/http/http_handler.h"
#include "net/loop/listener.h"
#include "net/server/browser_guard.h"
#include "net/server/http_server.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gapless::net {

// On the worker's thread only; the handler is called there too. Shut down before it is destroyed.
class HttpService {
 public:
  // `transport`: tcp or unix and the like (Listener). Errors: UNAVAILABLE when the port is taken.
  Status Start(Worker& worker, std::string_view transport, std::string_view endpoint,
               HttpServerOptions options, std::shared_ptr<HttpHandler> handler,
               const BrowserRules& rules);
  // Answers what is in flight until `deadline`, then calls `done`; new clients hear 503 "shutting
  // down" until the process ends or another service takes the address. Safe without Start and
  // twice.
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done);
  // With the real port. Precondition: started.
  std::string address() const { return listener_->address().ToString(); }

 private:
  Worker* worker_ = nullptr;
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<HttpServer> server_;
  HttpServerOptions options_;
};

}  // namespace gapless::net
