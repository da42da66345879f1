#include "net/server/http_service.h"

#include "net/server/listener_pool.h"

#include <utility>

namespace gapless::net {
namespace {

constexpr size_t kMaxConnections = 32;

class FarewellHandler final : public HttpHandler {
 public:
  void Handle(HttpCall call) override { call.responder.Send(TryAgainResponse("shutting down")); }
};

class GuardedHandler final : public HttpHandler {
 public:
  GuardedHandler(BrowserGuard guard, std::shared_ptr<HttpHandler> handler)
      : guard_(std::move(guard)), handler_(std::move(handler)) {}

  std::optional<HttpResponse> OnHead(const HttpRequest& request, const PeerInfo& peer,
                                     size_t& max_body_bytes) override {
    if (const auto objection = guard_.Objection(request)) {
      return TextResponse(403, *objection + "\n");
    }
    return handler_->OnHead(request, peer, max_body_bytes);
  }
  HttpResponse Refuse(const HttpRequest& request, HttpRefusal reason) override {
    return handler_->Refuse(request, reason);
  }
  void Handle(HttpCall call) override { handler_->Handle(std::move(call)); }

 private:
  const BrowserGuard guard_;
  const std::shared_ptr<HttpHandler> handler_;
};

}  // namespace

Status HttpService::Start(Worker& worker, std::string_view transport, std::string_view endpoint,
                          HttpServerOptions options, std::shared_ptr<HttpHandler> handler,
                          const BrowserRules& rules) {
  worker_ = &worker;
  const size_t most = options.max_connections > 0 ? options.max_connections : kMaxConnections;
  ASSIGN_OR_RETURN(listener_,
                   ListenerPool::Process().Take({&worker}, transport, endpoint,
                                                {.max_connections = most, .reserved = true}));
  server_ = HttpServer::Create(
      {&worker}, options,
      std::make_shared<GuardedHandler>(BrowserGuard(endpoint, listener_->address(), rules),
                                       std::move(handler)));
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
