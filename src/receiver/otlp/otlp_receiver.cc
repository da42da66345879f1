#include "receiver/otlp/otlp_receiver.h"

#include "fmt/format.h"
#include "net/listener_pool.h"
#include "receiver/otlp/grpc.h"
#include "receiver/otlp/http.h"
#include "receiver/otlp/intake.h"

#include <utility>

namespace gapless::otlp_receiver {

OtlpReceiver::OtlpReceiver(pipeline::Settings settings, Config config,
                           const pipeline::Outputs& outputs)
    : settings_(std::move(settings)), config_(std::move(config)), outputs_(outputs) {}

OtlpReceiver::~OtlpReceiver() {
  for (const Server& server : servers_) {
    server.listener->ClearAcceptor(server.server.get());
  }
}

Status OtlpReceiver::Start() {
  if (config_.protocols.grpc) {
    RETURN_IF_ERROR(StartGrpc(*config_.protocols.grpc));
  }
  if (config_.protocols.http) {
    RETURN_IF_ERROR(StartHttp(*config_.protocols.http));
  }
  return {};
}

Status OtlpReceiver::StartGrpc(const endpoint::GrpcServerConfig& grpc) {
  ASSIGN_OR_RETURN(net::HttpServerOptions options, endpoint::MakeServerOptions(grpc));
  const size_t max_bytes = endpoint::MaxMessageBytes(grpc);
  auto intake = std::make_shared<const Intake>(settings_, "grpc", outputs_, max_bytes);
  return Listen("GRPC", grpc.listen, std::move(options),
                MakeGrpcHandler(std::move(intake), grpc.listen.include_metadata, max_bytes));
}

Status OtlpReceiver::StartHttp(const HttpConfig& http) {
  ASSIGN_OR_RETURN(net::HttpServerOptions options, endpoint::MakeServerOptions(http.server));
  auto intake = std::make_shared<const Intake>(settings_, "http", outputs_,
                                               endpoint::MaxBodyBytes(http.server));
  return Listen("HTTP", http.server.listen, std::move(options),
                MakeHttpHandler(std::move(intake), http));
}

Status OtlpReceiver::Listen(std::string_view what, const endpoint::ListenConfig& listen,
                            net::HttpServerOptions options,
                            std::shared_ptr<net::HttpHandler> handler) {
  ASSIGN_OR_RETURN(
      std::shared_ptr<net::Listener> listener,
      net::ListenerPool::Process().Take(settings_.workers, listen.transport, listen.endpoint, {}));
  auto server = net::HttpServer::Create(settings_.workers, std::move(options), std::move(handler));
  listener->SetAcceptor(server);
  settings_.log.Info(fmt::format("Starting {} server", what),
                     {{"endpoint", listener->address().ToString()}});
  servers_.push_back({std::move(listener), std::move(server)});
  return {};
}

std::vector<net::SocketAddress> OtlpReceiver::addresses() const {
  std::vector<net::SocketAddress> addresses;
  for (const Server& server : servers_) {
    addresses.push_back(server.listener->address());
  }
  return addresses;
}

void OtlpReceiver::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  std::vector<Server> servers = std::exchange(servers_, {});
  if (servers.empty()) {
    return done();
  }
  struct Ending {
    size_t left = 0;
    std::vector<std::shared_ptr<net::HttpServer>> servers;
    std::move_only_function<void()> done;
  };
  auto ending = std::make_shared<Ending>();
  ending->left = servers.size();
  ending->done = std::move(done);
  for (Server& server : servers) {
    server.listener->ClearAcceptor(server.server.get());
    net::ListenerPool::Process().Give(std::move(server.listener));
    ending->servers.push_back(server.server);
    server.server->Drain(deadline, [ending] {
      if (--ending->left == 0) {
        ending->servers.clear();
        ending->done();
      }
    });
  }
}

}  // namespace gapless::otlp_receiver
