// The otlp receiver: listens for OTLP over gRPC and HTTP and hands what arrives to the pipelines.
//
// Control worker's thread; requests are served on all workers. Listening sockets come from
// net::ListenerPool, so that a receiver that replaces this one on a reload takes them over.
#pragma once

#include "net/http_server.h"
#include "pipeline/component.h"
#include "pipeline/factory.h"
#include "receiver/otlp/config.h"

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
  };

  Status StartGrpc(const endpoint::GrpcServerConfig& grpc);
  Status StartHttp(const HttpConfig& http);
  Status Listen(std::string_view what, const endpoint::ListenConfig& listen,
                net::HttpServerOptions options, std::shared_ptr<net::HttpHandler> handler);

  const pipeline::Settings settings_;
  const Config config_;
  const pipeline::Outputs outputs_;
  std::vector<Server> servers_;
};

}  // namespace gapless::otlp_receiver
