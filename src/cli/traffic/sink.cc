#include "cli/traffic/sink.h"

#include "otlp/service.h"
#include "wire/compression.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr size_t kMessageMax = size_t{64} << 20;

}  // namespace

class Sink::Export final : public net::GrpcMethod {
 public:
  Export(Sink& sink, otlp::Signal signal) : sink_(sink), signal_(signal) {}

  void Handle(net::GrpcCall call) override {
    const Status status = sink_.Take(signal_, call.message, call.encoding);
    net::GrpcReply reply{.code = status.code(), .message = status.message(), .details = {}};
    if (status.ok()) {
      reply.body = Rope::CopyOf(otlp::EncodeResponse());
    }
    call.responder.Reply(std::move(reply));
  }

 private:
  Sink& sink_;
  const otlp::Signal signal_;
};

class Sink::HttpExport final : public net::HttpHandler {
 public:
  explicit HttpExport(Sink& sink) : sink_(sink) {}

  void Handle(net::HttpCall call) override {
    net::HttpResponse response;
    response.status = 404;
    for (const otlp::Signal signal : otlp::kSignals) {
      if (call.request.path() != otlp::Names(signal).http_path) {
        continue;
      }
      const auto encoding = call.request.headers.Find("content-encoding");
      const Status status = sink_.Take(signal, call.request.body, encoding.value_or(""));
      response.status = status.ok() ? 200 : 503;
      response.headers = {{.name = "content-type", .value = "application/x-protobuf"}};
      response.body =
          Rope::CopyOf(status.ok() ? otlp::EncodeResponse() : otlp::EncodeStatus(status));
    }
    call.responder.Send(std::move(response));
  }

 private:
  Sink& sink_;
};

Result<std::unique_ptr<Sink>> Sink::Open(net::Worker& worker, SinkOptions options) {
  std::unique_ptr<Sink> sink(new Sink(std::move(options)));
  ASSIGN_OR_RETURN(sink->log_, OpenFile(sink->options_.log_file, "ae"));
  ASSIGN_OR_RETURN(sink->count_, OpenFile(sink->options_.count_file, "we"));
  RETURN_IF_ERROR(sink->Listen(worker));
  sink->worker_ = &worker;
  if (sink->count_) {
    sink->WriteCount();
  }
  return sink;
}

Result<Sink::OwnedFile> Sink::OpenFile(const std::string& path, const char* mode) {
  OwnedFile file(path.empty() ? nullptr : std::fopen(path.c_str(), mode));
  if (!file && !path.empty()) {
    return NotFound(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return file;
}

// In place, which is right for a number that only grows: to truncate a file may wait for the disk.
void Sink::WriteCount() {
  std::rewind(count_.get());
  fmt::print(count_.get(), "{}\n", requests_);
  std::fflush(count_.get());
  count_timer_ = worker_->RunAfter(std::chrono::milliseconds(50), [this] { WriteCount(); });
}

Sink::~Sink() {
  for (net::Listener* listener : {grpc_listener_.get(), http_listener_.get()}) {
    if (listener != nullptr) {
      listener->SetAcceptor(nullptr);
    }
  }
}

Status Sink::Listen(net::Worker& worker) {
  auto grpc = std::make_shared<net::GrpcServer>(net::GrpcServerOptions{
      .max_message_bytes = kMessageMax, .encodings = {"gzip", "zstd", "snappy"}});
  for (const otlp::Signal signal : otlp::kSignals) {
    grpc->AddMethod(std::string(otlp::Names(signal).grpc_path),
                    std::make_unique<Export>(*this, signal));
  }
  const net::ListenerOptions listening{.backlog = options_.backlog};
  ASSIGN_OR_RETURN(grpc_listener_, net::Listener::Open({&worker}, "tcp", options_.grpc, listening));
  ASSIGN_OR_RETURN(http_listener_, net::Listener::Open({&worker}, "tcp", options_.http, listening));
  const net::HttpServerOptions server{.max_body_bytes = kMessageMax};
  grpc_server_ = net::HttpServer::Create({&worker}, server, std::move(grpc));
  http_server_ = net::HttpServer::Create({&worker}, server, std::make_shared<HttpExport>(*this));
  grpc_listener_->SetAcceptor(grpc_server_);
  http_listener_->SetAcceptor(http_server_);
  return OkStatus();
}

std::string Sink::grpc_address() const { return grpc_listener_->address().ToString(); }
std::string Sink::http_address() const { return http_listener_->address().ToString(); }

Status Sink::Take(otlp::Signal signal, const Rope& body, std::string_view encoding) {
  if (unavailable_) {
    return gapless::Unavailable("the sink was told to answer so");
  }
  if (options_.blind) {
    requests_ += body.empty() ? 0 : 1;
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const wire::Codec codec, wire::ParseCodec(encoding));
  ASSIGN_OR_RETURN(const Rope plain, wire::Decompress(codec, body, kMessageMax));
  if (plain.empty()) {
    return OkStatus();  // a probe
  }
  auto ranges = ReadSequence(signal, plain);
  ++requests_;
  if (!ranges.ok()) {
    return OkStatus();  // somebody else's data: counted as a request only
  }
  for (const SequenceRange& range : *ranges) {
    items_ += range.last - range.first + 1;
  }
  if (log_) {
    const std::string line = FormatLine(
        {.at_ns = JourneyNow(), .signal = signal, .what = "got", .ranges = std::move(*ranges)});
    std::fwrite(line.data(), 1, line.size(), log_.get());
    std::fflush(log_.get());
  }
  return OkStatus();
}

}  // namespace gapless::cli
