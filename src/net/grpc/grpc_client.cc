#include "net/grpc/grpc_client.h"

#include "fmt/format.h"
#include "wire/base64.h"

#include <charconv>

namespace gapless::net {
namespace {

bool Reserved(std::string_view name) {
  return name.starts_with("grpc-") || name == "content-type" || name == "te" ||
         name == "user-agent" || name.starts_with(':');
}

std::optional<uint32_t> ParseStatus(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return 2;  // UNKNOWN, as the specification asks for what is no number
  }
  return value;
}

}  // namespace

HttpRequest MakeGrpcRequest(GrpcRequest request) {
  HttpRequest out;
  out.method = "POST";
  out.scheme = std::move(request.scheme);
  out.authority = std::move(request.authority);
  out.target = std::move(request.path);
  // The specification's order: content-type and te before metadata, for peers that insist.
  if (request.timeout > Duration::zero()) {
    out.headers.Add("grpc-timeout", FormatGrpcTimeout(request.timeout));
  }
  out.headers.Add("content-type", "application/grpc");
  out.headers.Add("te", "trailers");
  if (!request.encoding.empty()) {
    out.headers.Add("grpc-encoding", request.encoding);
  }
  out.headers.Add("grpc-accept-encoding", "identity,gzip");
  if (!request.user_agent.empty()) {
    out.headers.Add("user-agent", std::move(request.user_agent));
  }
  for (const HttpHeader& header : request.metadata) {
    if (!Reserved(header.name)) {
      out.headers.Add(header.name, header.value);
    }
  }
  out.body = FrameGrpcMessage(std::move(request.message), !request.encoding.empty());
  return out;
}

GrpcAnswer ReadGrpcAnswer(const HttpResponse& response, size_t max_bytes) {
  GrpcAnswer answer;
  answer.http_status = response.status;
  // A "trailers-only" answer carries the status among its headers.
  const bool in_trailers = response.trailers.Has("grpc-status");
  const HttpHeaders& fields = in_trailers ? response.trailers : response.headers;
  const auto status = fields.Find("grpc-status");
  if (!status) {
    return answer;
  }
  answer.status = ParseStatus(*status);
  answer.message = DecodeGrpcMessageText(fields.Find("grpc-message").value_or(""));
  if (const auto details = fields.Find("grpc-status-details-bin")) {
    std::string decoded;
    if (wire::ParseBase64(*details, &decoded)) {
      answer.details = std::move(decoded);
    }
  }
  if (answer.status != 0u) {
    return answer;
  }
  Result<GrpcMessage> message = UnframeGrpcMessage(response.body, max_bytes);
  if (!message.ok()) {
    answer.body_status = message.status().Annotate("gRPC response");
    return answer;
  }
  answer.body = std::move(message->bytes);
  if (message->compressed) {
    answer.encoding = response.headers.Find("grpc-encoding").value_or("");
    if (answer.encoding.empty() || answer.encoding == "identity") {
      answer.body_status = Internal("gRPC response: compressed without a named encoding");
    }
  }
  return answer;
}

}  // namespace gapless::net
