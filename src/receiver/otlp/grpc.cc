#include "receiver/otlp/grpc.h"

#include "net/grpc/grpc_health.h"
#include "net/grpc/grpc_reflection.h"
#include "otlp/service.h"
#include "receiver/otlp/descriptors.h"
#include "wire/compression.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace gapless::otlp_receiver {
namespace {

net::GrpcReply ToReply(const Status& status) {
  net::GrpcReply reply;
  if (status.ok()) {
    reply.body = Rope::CopyOf(otlp::EncodeResponse());
    return reply;
  }
  reply.code = status.code();
  reply.message = status.message();
  if (status.retry_after()) {
    reply.details = otlp::EncodeStatus(status);
  }
  return reply;
}

class ExportMethod final : public net::GrpcMethod {
 public:
  ExportMethod(std::shared_ptr<const Intake> intake, otlp::Signal signal, bool include_metadata)
      : intake_(std::move(intake)), signal_(signal), include_metadata_(include_metadata) {}

  void Handle(net::GrpcCall call) override {
    Request request;
    request.signal = signal_;
    request.body = std::move(call.message);
    // The server lets only encodings through that it was told of.
    const Result<wire::Codec> codec = wire::ParseCodec(call.encoding);
    if (!codec.ok()) {
      return call.responder.Reply(ToReply(codec.status()));
    }
    request.codec = *codec;
    if (include_metadata_) {
      request.metadata = MakeMetadata(call.metadata, call.authority);
    }
    auto context = std::make_shared<otlp::RequestContext>();
    context->deadline = call.deadline;
    context->client_address = ClientAddress(*call.peer);
    call.responder.OnCancel([context] { context->cancelled = true; });
    request.context = std::move(context);
    request.memory = call.responder.NewCharge();
    request.worker = call.worker;
    intake_->Take(std::move(request),
                  [responder = std::move(call.responder)](Status status) mutable {
                    responder.Reply(ToReply(status));
                  });
  }

 private:
  const std::shared_ptr<const Intake> intake_;
  const otlp::Signal signal_;
  const bool include_metadata_;
};

}  // namespace

std::shared_ptr<net::HttpHandler> MakeGrpcHandler(std::shared_ptr<const Intake> intake,
                                                  const GrpcConfig& config, Mode mode) {
  net::GrpcServerOptions options;
  options.max_message_bytes = endpoint::MaxMessageBytes(config.server);
  options.encodings = {"gzip", "zstd", "snappy"};
  options.overloaded = ToReply(TooManyRequests());
  auto server = std::make_shared<net::GrpcServer>(std::move(options));
  std::vector<std::string> services;
  for (const otlp::Signal signal : otlp::kSignals) {
    if (intake->Serves(signal)) {
      services.emplace_back(otlp::Names(signal).grpc_service);
      server->AddMethod(
          std::string(otlp::Names(signal).grpc_path),
          std::make_unique<ExportMethod>(intake, signal, config.server.listen.include_metadata));
    }
  }
  if (config.health_service) {
    net::AddGrpcHealth(*server, services, mode == Mode::kServe);
    services.emplace_back(net::kGrpcHealthService);
  }
  if (config.reflection_service) {
    std::ranges::copy(net::GrpcReflectionServices(), std::back_inserter(services));
    auto index = net::ReflectionIndex::Create(FileDescriptors(), std::move(services));
    GAPLESS_CHECK(index.ok());
    net::AddGrpcReflection(*server,
                           std::make_shared<const net::ReflectionIndex>(*std::move(index)));
  }
  return server;
}

}  // namespace gapless::otlp_receiver
