#include "receiver/otlp/otlp_receiver.h"

#include "fmt/format.h"
#include "net/server/listener_pool.h"
#include "receiver/otlp/grpc.h"
#include "receiver/otlp/http.h"
#include "receiver/otlp/refusals.h"

#include <utility>

namespace gapless::otlp_receiver {
namespace {

// What a client of the wrong protocol is told.
std::string OtherPort(std::string_view here, std::string_view there, const net::Listener* other) {
  const std::string where =
      other ? fmt::format("; {} is at {}", there, other->address().ToString()) : std::string();
  return fmt::format("{} is spoken here{}.", here, where);
}

}  // namespace

OtlpReceiver::OtlpReceiver(pipeline::Settings settings, Config config,
                           const pipeline::Outputs& outputs)
    : settings_(std::move(settings)), config_(std::move(config)), outputs_(outputs) {}

OtlpReceiver::~OtlpReceiver() {
  for (const Server& server : servers_) {
    server.listener->ClearAcceptor(server.server.get());
  }
}

Status OtlpReceiver::Start() {
  const Protocols& protocols = config_.protocols;
  if (protocols.grpc) {
    RETURN_IF_ERROR(Open(protocols.grpc->server.listen));
  }
  if (protocols.http) {
    RETURN_IF_ERROR(Open(protocols.http->server.listen));
  }
  unpacker_ = std::make_unique<net::Worker>("otlp-unpack");
  unpacker_->Start();
  const bool both = protocols.grpc && protocols.http;
  Server& first = servers_.front();
  Server& last = servers_.back();
  if (protocols.grpc) {
    RETURN_IF_ERROR(StartGrpc(first, *protocols.grpc, both ? last.listener.get() : nullptr));
  }
  if (protocols.http) {
    RETURN_IF_ERROR(StartHttp(last, *protocols.http, both ? first.listener.get() : nullptr));
  }
  return {};
}

Status OtlpReceiver::Open(const endpoint::ListenConfig& listen) {
  ASSIGN_OR_RETURN(
      std::shared_ptr<net::Listener> listener,
      net::ListenerPool::Process().Take(settings_.workers, listen.transport, listen.endpoint,
                                        {.max_connections = listen.max_connections}));
  servers_.push_back({.listener = std::move(listener), .server = {}, .farewell = {}});
  return {};
}

Status OtlpReceiver::StartGrpc(Server& server, const GrpcConfig& grpc, const net::Listener* http) {
  ASSIGN_OR_RETURN(net::HttpServerOptions options, endpoint::MakeServerOptions(grpc.server));
  options.other_port = OtherPort("OTLP over gRPC", "OTLP over HTTP", http);
  auto refusals = std::make_shared<Refusals>(settings_, "grpc");
  options.watch = refusals;
  options.memory = settings_.memory;
  const size_t max_bytes = endpoint::MaxMessageBytes(grpc.server);
  Serve(server, "GRPC", std::move(options), [&](Mode mode) {
    auto intake = std::make_shared<const Intake>(
        settings_, "grpc", outputs_, max_bytes, mode,
        IntakeHelpers{.unpacker = unpacker_.get(), .refusals = refusals});
    return MakeGrpcHandler(std::move(intake), grpc, mode);
  });
  return {};
}

Status OtlpReceiver::StartHttp(Server& server, const HttpConfig& http, const net::Listener* grpc) {
  ASSIGN_OR_RETURN(net::HttpServerOptions options, endpoint::MakeServerOptions(http.server));
  options.other_port = OtherPort("OTLP over HTTP", "OTLP over gRPC", grpc);
  options.http2_plain = true;
  const std::string other_port = options.other_port;
  auto refusals = std::make_shared<Refusals>(settings_, "http");
  options.watch = refusals;
  options.memory = settings_.memory;
  Serve(server, "HTTP", std::move(options), [&](Mode mode) {
    auto intake = std::make_shared<const Intake>(
        settings_, "http", outputs_, endpoint::MaxBodyBytes(http.server), mode,
        IntakeHelpers{.unpacker = unpacker_.get(), .refusals = refusals});
    return MakeHttpHandler(std::move(intake), http, {.text = other_port, .watch = refusals});
  });
  return {};
}

void OtlpReceiver::Serve(Server& server, std::string_view what, net::HttpServerOptions options,
                         const MakeHandler& make) const {
  const std::vector<net::Worker*>& workers = settings_.workers;
  server.server = net::HttpServer::Create(workers, options, make(Mode::kServe));
  options.http1_options.keep_alives = false;
  server.farewell = net::HttpServer::Create(workers, std::move(options), make(Mode::kFarewell));
  server.listener->SetAcceptor(server.server);
  const std::string message = fmt::format("Starting {} server", what);
  const std::string address = server.listener->address().ToString();
  if (server.listener->inherited()) {
    settings_.log.Info(message, {{"endpoint", address}, {"socket", "inherited"}});
  } else {
    settings_.log.Info(message, {{"endpoint", address}});
  }
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
  // One that could not start is only given back.
  std::erase_if(servers, [](Server& server) {
    if (!server.server) {
      net::ListenerPool::Process().Give(std::move(server.listener), nullptr);
    }
    return !server.server;
  });
  if (servers.empty()) {
    return done();
  }
  auto ending = std::make_shared<Ending>();
  ending->left = servers.size();
  ending->done = std::move(done);
  for (Server& server : servers) {
    server.listener->ClearAcceptor(server.server.get());
    server.listener->SetMaxConnections(0);  // who comes now only hears where to go
    net::ListenerPool::Process().Give(std::move(server.listener), std::move(server.farewell));
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
