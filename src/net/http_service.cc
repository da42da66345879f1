#include "net/http_service.h"

#include "net/listener_pool.h"

#include <utility>

namespace gapless::net {

Status HttpService::Start(Worker& worker, std::string_view transport, std::string_view endpoint,
                          HttpServerOptions options, std::shared_ptr<HttpHandler> handler) {
  worker_ = &worker;
  ASSIGN_OR_RETURN(listener_, ListenerPool::Process().Take({&worker}, transport, endpoint, {}));
  server_ = HttpServer::Create({&worker}, std::move(options), std::move(handler));
  listener_->SetAcceptor(server_);
  return OkStatus();
}

void HttpService::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  if (!server_) {
    done();
    return;
  }
  listener_->ClearAcceptor(server_.get());
  ListenerPool::Process().Give(std::move(listener_));
  // The server lives until a turn after it has called back.
  HttpServer& draining = *server_;
  draining.Drain(deadline, [server = std::exchange(server_, nullptr), done = std::move(done),
                            worker = worker_]() mutable {
    worker->Post([server = std::move(server)] {});
    done();
  });
}

}  // namespace gapless::net
