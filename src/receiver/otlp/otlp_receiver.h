// The otlp receiver: listens for OTLP over gRPC and HTTP and hands what arrives to the pipelines.
//
// Control worker's thread; requests are served on all workers. Listening sockets come from
// net::ListenerPool, so that a receiver that replaces this one on a reload takes them over. Until
// then, and until the process ends, new clients hear that the receiver is shutting down.
#pragma once

#include "net/server/http_server.h"
#include "pipeline/component.h"
#include "pipeline/factory.h"
#include "receiver/otlp/config.h"
#include "receiver/otlp/intake.h"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace gapless::otlp_receiver {

class OtlpReceiver final : public pipeline::Component {
 public:
  OtlpReceiver(pipeline::Settings settings, Config config, const pipeline::Outputs& outputs);
  // Precondition: not started, or shut down.
  ~OtlpReceiver() override;

  Status Start() override;
  // Tells clients to go elsewhere and answers what is in flight, at most until `deadline`.
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;

  // Where it listens, with real ports: gRPC first. For tests.
  std::vector<net::SocketAddress> addresses() const;

 private:
  struct Server {
    std::shared_ptr<net::Listener> listener;
    std::shared_ptr<net::HttpServer> server;
    std::shared_ptr<net::HttpServer> farewell;  // serves after `server`
  };
  using MakeHandler = std::function<std::shared_ptr<net::HttpHandler>(Mode)>;

  // Takes the socket, before anything is served.
  Status Open(const endpoint::ListenConfig& listen);
  Status StartGrpc(Server& server, const GrpcConfig& grpc, const net::Listener* http);
  Status StartHttp(Server& server, const HttpConfig& http, const net::Listener* grpc);
  void Serve(Server& server, std::string_view what, net::HttpServerOptions options,
             const MakeHandler& make) const;

  const pipeline::Settings settings_;
  const Config config_;
  const pipeline::Outputs outputs_;
  // For what takes milliseconds to unpack; outlives the servers' requests.
  std::unique_ptr<net::Worker> unpacker_;
  std::vector<Server> servers_;
};

}  // namespace gapless::otlp_receiver
