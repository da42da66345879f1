#include "service/http_endpoint.h"

#include "net/listener_pool.h"

namespace gapless::service {
namespace {

constexpr Duration kCloseTime = std::chrono::seconds(2);

}  // namespace

HttpEndpoint::HttpEndpoint(net::Worker& worker, std::shared_ptr<net::Listener> listener,
                           std::shared_ptr<net::HttpServer> server)
    : worker_(worker), listener_(std::move(listener)), server_(std::move(server)) {}

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Open(
    net::Worker& worker, std::string_view endpoint, std::shared_ptr<net::HttpHandler> handler) {
  ASSIGN_OR_RETURN(auto listener,
                   net::ListenerPool::Process().Take({&worker}, "tcp", endpoint, {}));
  auto server = net::HttpServer::Create({&worker}, {}, std::move(handler));
  listener->SetAcceptor(server);
  return std::unique_ptr<HttpEndpoint>(
      new HttpEndpoint(worker, std::move(listener), std::move(server)));
}

void HttpEndpoint::Close(std::unique_ptr<HttpEndpoint> endpoint) {
  net::Worker& worker = endpoint->worker_;
  endpoint->listener_->ClearAcceptor(endpoint->server_.get());
  net::ListenerPool::Process().Give(std::move(endpoint->listener_));
  std::shared_ptr<net::HttpServer> server = std::move(endpoint->server_);
  net::HttpServer& draining = *server;
  // It lives until a turn after it has called back.
  draining.Drain(worker.Now() + kCloseTime, [server = std::move(server), &worker]() mutable {
    worker.Post([server = std::move(server)] {});
  });
}

HttpEndpoint::~HttpEndpoint() {
  if (listener_) {
    listener_->ClearAcceptor(server_.get());
  }
}

std::string HttpEndpoint::address() const { return listener_->address().ToString(); }

}  // namespace gapless::service
