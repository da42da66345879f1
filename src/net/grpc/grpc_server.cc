#include "net/grpc/grpc_server.h"

#include "fmt/format.h"
#include "net/grpc/grpc_frame.h"
#include "net/grpc/grpc_stream.h"
#include "net/loop/worker.h"
#include "wire/base64.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace gapless::net {
namespace {

// Clients must accept 8 KiB of header list; longer texts help nobody.
constexpr size_t kMaxMessageText = 4 * 1024;

GrpcReply Failure(Code code, std::string message) {
  GrpcReply reply;
  reply.code = code;
  reply.message = std::move(message);
  return reply;
}

}  // namespace

HttpHeaders GrpcStatusFields(const GrpcReply& reply) {
  HttpHeaders fields;
  fields.Add("grpc-status", std::to_string(static_cast<int>(reply.code)));
  if (!reply.message.empty()) {
    fields.Add("grpc-message",
               EncodeGrpcMessageText(std::string_view(reply.message).substr(0, kMaxMessageText)));
  }
  if (!reply.details.empty()) {
    std::string details;
    wire::AppendBase64(AsBytes(reply.details), false, &details);
    fields.Add("grpc-status-details-bin", std::move(details));
  }
  return fields;
}

HttpResponse ToHttpResponse(GrpcReply reply) {
  HttpResponse response;
  response.headers.Add("content-type", "application/grpc");
  HttpHeaders status = GrpcStatusFields(reply);
  if (reply.code == Code::kOk) {
    response.body = FrameGrpcMessage(std::move(reply.body), false);
    response.trailers = std::move(status);
    return response;
  }
  // Trailers-Only.
  for (const HttpHeader& field : status) {
    response.headers.Add(field.name, field.value);
  }
  return response;
}

GrpcResponder& GrpcResponder::operator=(GrpcResponder&& other) noexcept {
  if (this != &other) {
    Drop();
    http_ = std::move(other.http_);
    armed_ = std::exchange(other.armed_, false);
  }
  return *this;
}

void GrpcResponder::Reply(GrpcReply reply) {
  if (std::exchange(armed_, false)) {
    http_.Send(ToHttpResponse(std::move(reply)));
  }
}

void GrpcResponder::Drop() { Reply(Failure(Code::kUnavailable, "the request was dropped")); }

GrpcServer::GrpcServer(GrpcServerOptions options) : options_(std::move(options)) {
  for (const std::string& encoding : options_.encodings) {
    accept_encoding_ += (accept_encoding_.empty() ? "" : ",") + encoding;
  }
}

void GrpcServer::AddMethod(std::string path, std::unique_ptr<GrpcMethod> method) {
  methods_.insert_or_assign(std::move(path), std::move(method));
}

void GrpcServer::AddStream(std::string path, OpenGrpcStream open) {
  streams_.insert_or_assign(std::move(path), std::move(open));
}

GrpcReply GrpcServer::Unknown(std::string_view path) const {
  const size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0 || slash == std::string_view::npos) {
    return Failure(Code::kUnimplemented, fmt::format("malformed method name: \"{}\"", path));
  }
  const std::string_view service = path.substr(1, slash - 1);
  const std::string prefix = fmt::format("/{}/", service);
  const auto same = methods_.lower_bound(prefix);
  if (same != methods_.end() && same->first.starts_with(prefix)) {
    return Failure(Code::kUnimplemented, fmt::format("unknown method {} for service {}",
                                                     path.substr(slash + 1), service));
  }
  return Failure(Code::kUnimplemented, fmt::format("unknown service {}", service));
}

std::optional<HttpResponse> GrpcServer::OnHead(const HttpRequest& request, const PeerInfo&,
                                               size_t& max_body_bytes) {
  if (request.method != "POST") {
    HttpResponse response = TextResponse(405, "gRPC needs POST");
    response.headers.Add("allow", "POST");
    return response;
  }
  const std::string_view type = request.headers.Find("content-type").value_or("");
  if (!IsGrpcContentType(type)) {
    return TextResponse(415, fmt::format("invalid gRPC request content-type \"{}\"", type));
  }
  if (!methods_.contains(request.path()) && !streams_.contains(request.path())) {
    return ToHttpResponse(Unknown(request.path()));
  }
  const std::optional<std::string_view> timeout = request.headers.Find("grpc-timeout");
  if (timeout && !ParseGrpcTimeout(*timeout)) {
    return ToHttpResponse(Failure(Code::kInternal, "malformed grpc-timeout"));
  }
  const std::string_view encoding = request.headers.Find("grpc-encoding").value_or("identity");
  if (encoding != "identity" &&
      std::ranges::find(options_.encodings, encoding) == options_.encodings.end()) {
    HttpResponse response = ToHttpResponse(Failure(
        Code::kUnimplemented,
        fmt::format("grpc: Decompressor is not installed for grpc-encoding \"{}\"", encoding)));
    response.headers.Add("grpc-accept-encoding", accept_encoding_);
    return response;
  }
  max_body_bytes = options_.max_message_bytes + kGrpcPrefixBytes;
  return std::nullopt;
}

std::optional<size_t> GrpcServer::BodySize(const HttpRequest&, const Rope& begin) const {
  // A flag and four bytes of length come before the message, which is the only one.
  if (begin.size() < kGrpcPrefixBytes) {
    return std::nullopt;
  }
  std::array<std::byte, kGrpcPrefixBytes> prefix;
  begin.Sub(0, prefix.size()).CopyTo(prefix.data());
  size_t size = 0;
  for (const std::byte part : std::span(prefix).subspan(1)) {
    size = size << 8 | std::to_integer<size_t>(part);
  }
  return size + kGrpcPrefixBytes;
}

HttpResponse GrpcServer::Refuse(const HttpRequest& request, HttpRefusal reason) {
  switch (reason) {
    case HttpRefusal::kBodyTooLarge:
      return ToHttpResponse(Failure(
          Code::kResourceExhausted,
          fmt::format("grpc: received message larger than max ({})", options_.max_message_bytes)));
    case HttpRefusal::kOverloaded:
      return ToHttpResponse(options_.overloaded);
    case HttpRefusal::kTimeout:
      return ToHttpResponse(Failure(Code::kDeadlineExceeded, "the message did not arrive in time"));
    case HttpRefusal::kHeaderTooLarge:
    case HttpRefusal::kBadRequest:
      break;
  }
  return HttpHandler::Refuse(request, reason);
}

void GrpcServer::Handle(HttpCall http) {
  GrpcCall call;
  call.method = http.request.path();
  call.responder = GrpcResponder(std::move(http.responder));
  Result<GrpcMessage> message = UnframeGrpcMessage(http.request.body, options_.max_message_bytes);
  if (!message.ok()) {
    return call.responder.Reply(Failure(message.status().code(), message.status().message()));
  }
  const std::string_view encoding = http.request.headers.Find("grpc-encoding").value_or("identity");
  if (message->compressed && encoding == "identity") {
    return call.responder.Reply(
        Failure(Code::kInternal, "grpc: compressed flag set with identity or empty encoding"));
  }
  if (message->compressed) {
    call.encoding = encoding;
  }
  if (auto timeout = http.request.headers.Find("grpc-timeout")) {
    // Checked when the header came.
    const Duration left = ParseGrpcTimeout(*timeout).value_or(Duration::max());
    const TimePoint now = http.worker->Now();
    call.deadline = left > TimePoint::max() - now ? TimePoint::max() : now + left;
  }
  call.message = std::move(message->bytes);
  call.authority = std::move(http.request.authority);
  call.metadata = std::move(http.request.headers);
  call.peer = std::move(http.peer);
  call.worker = http.worker;
  call.worker_index = http.worker_index;
  // The method was found when the header came, and methods do not change.
  methods_.find(call.method)->second->Handle(std::move(call));
}

std::unique_ptr<StreamingCall> GrpcServer::Open(const HttpRequest& request,
                                                StreamingAnswer& answer) {
  return NewGrpcStreamCall(request.headers.Find("grpc-encoding").value_or("identity"),
                           streams_.find(request.path())->second, answer);
}

}  // namespace gapless::net
