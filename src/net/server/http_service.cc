#include "net/server/http_service.h"

#include "net/server/listener_pool.h"

#include <utility>

namespace gapless::net {
namespace {

class FarewellHandler final : public HttpHandler {
 public:
  void Handle(HttpCall call) override { call.responder.Send(TryAgainResponse("shutting down")); }
};

}  // namespace

Status HttpService::Start(Worker& worker, std::string_view transport, std::string_view endpoint,
                          HttpServerOptions options, std::shared_ptr<HttpHandler> handler) {
  worker_ = &worker;
  ASSIGN_OR_RETURN(listener_, ListenerPool::Process().Take({&worker}, transport, endpoint, {}));
  server_ = HttpServer::Create({&worker}, options, std::move(handler));
  options_ = std::move(options);
  listener_->SetAcceptor(server_);
  return OkStatus();
}

void HttpService::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  if (!server_) {
    done();
    return;
  }
  listener_->ClearAcceptor(server_.get());
  options_.http1_options.keep_alives = false;
  ListenerPool::Process().Give(
      std::move(listener_),
      HttpServer::Create({worker_}, options_, std::make_shared<FarewellHandler>()));
  // The server lives until a turn after it has called back.
  HttpServer& draining = *server_;
  draining.Drain(deadline, [server = std::exchange(server_, nullptr), done = std::move(done),
                            worker = worker_]() mutable {
    worker->Post([server = std::move(server)] {});
    done();
  });
}

}  // namespace gapless::net
