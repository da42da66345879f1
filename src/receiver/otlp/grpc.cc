#include "receiver/otlp/grpc.h"

#include "otlp/service.h"
#include "wire/compression.h"

#include <string>
#include <utility>

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
                                                  bool include_metadata, size_t max_bytes) {
  net::GrpcServerOptions options;
  options.max_message_bytes = max_bytes;
  options.encodings = {"gzip", "zstd", "snappy"};
  options.overloaded = ToReply(TooManyRequests());
  auto server = std::make_shared<net::GrpcServer>(std::move(options));
  for (const otlp::Signal signal : otlp::kSignals) {
    if (intake->Serves(signal)) {
      server->AddMethod(std::string(otlp::Names(signal).grpc_path),
                        std::make_unique<ExportMethod>(intake, signal, include_metadata));
    }
  }
  return server;
}

}  // namespace gapless::otlp_receiver
