#include "exporter/otlp_grpc/protocol.h"

#include "endpoint/payload.h"
#include "endpoint/peer_words.h"
#include "endpoint/user_agent.h"
#include "fmt/format.h"
#include "otlp/service.h"
#include "otlp/status_map.h"

namespace gapless::exporter::otlp_grpc {
namespace {

using sending::AttemptResult;
using sending::ClassifyGrpc;

constexpr size_t kMaxTypeWords = 64;

Result<Rope> Plain(const net::GrpcAnswer& answer) {
  RETURN_IF_ERROR(answer.body_status);
  if (answer.encoding.empty()) {
    return answer.body;
  }
  ASSIGN_OR_RETURN(wire::Codec codec, wire::ParseCodec(answer.encoding));
  return wire::Decompress(codec, answer.body, otlp::kMaxResponseSize);
}

Result<otlp::PartialSuccess> ReadPartial(const net::GrpcAnswer& answer) {
  ASSIGN_OR_RETURN(const Rope body, Plain(answer));
  return otlp::DecodeResponse(body);
}

// As grpc-go says it, and then what the proxy says.
std::string ProxyWords(const net::HttpResponse& response, const net::HttpHeaders& secrets) {
  std::string text =
      fmt::format("unexpected HTTP status code received from server: {}", response.status);
  if (const std::string_view reason = net::HttpReason(response.status); !reason.empty()) {
    text += fmt::format(" ({})", reason);
  }
  const std::string type = endpoint::OneLine(endpoint::MediaType(response), kMaxTypeWords);
  if (!type.empty() && !type.starts_with("application/grpc")) {
    text += fmt::format("; received unexpected content-type \"{}\"", type);
  }
  if (const std::string words = endpoint::PeerWords(response, secrets); !words.empty()) {
    text += fmt::format(", Message={}", words);
  }
  return text;
}

}  // namespace

GrpcProtocol::GrpcProtocol(const endpoint::GrpcClientConfig& config, otlp::Signal signal)
    : codec_(endpoint::GrpcCodec(config)),
      encoding_(codec_ == wire::Codec::kIdentity ? "" : config.compression),
      path_(otlp::Names(signal).grpc_path),
      scheme_(endpoint::GrpcScheme(config)),
      authority_(endpoint::GrpcAuthority(config)),
      user_agent_(config.user_agent.empty() ? endpoint::DefaultUserAgent() : config.user_agent),
      metadata_(endpoint::ToHeaders(config.headers)) {}

Result<Rope> GrpcProtocol::Encode(const otlp::Batch& batch) {
  return endpoint::EncodePayload(batch, codec_, wire::kDefaultLevel);
}

net::HttpRequest GrpcProtocol::Frame(Rope body, Duration timeout, bool probe) {
  return net::MakeGrpcRequest({.path = path_,
                               .scheme = scheme_,
                               .authority = authority_,
                               .user_agent = user_agent_,
                               .metadata = metadata_,
                               .message = std::move(body),
                               .encoding = probe ? "" : encoding_,
                               .timeout = timeout});
}

std::string GrpcProtocol::Words(std::string_view text) const {
  return endpoint::OneLine(endpoint::WithoutSecrets(std::string(text), metadata_),
                           endpoint::kMaxStatusWords);
}

// grpc-status decides; the details add the delay.
AttemptResult GrpcProtocol::Failure(const net::HttpResponse& response,
                                    const net::GrpcAnswer& answer) const {
  if (!answer.status) {
    return sending::ClassifyHttpOfGrpc(
        answer.http_status,
        Status(otlp::CodeForHttpOfGrpc(answer.http_status), ProxyWords(response, metadata_))
            .FromPeer());
  }
  Status status = Status(otlp::CodeForGrpc(*answer.status), Words(answer.message)).FromPeer();
  if (!answer.details.empty()) {
    const auto details = otlp::DecodeStatus(AsBytes(answer.details));
    if (details && details->code() == status.code() && details->retry_after()) {
      status = status.WithRetryAfter(*details->retry_after());
    }
  }
  return ClassifyGrpc(std::move(status));
}

AttemptResult GrpcProtocol::Read(const net::HttpResponse& response, WallTime) {
  const net::GrpcAnswer answer = net::ReadGrpcAnswer(response, otlp::kMaxResponseSize);
  if (answer.status != 0u) {
    return Failure(response, answer);
  }
  AttemptResult result;
  const auto partial = ReadPartial(answer);
  if (!partial.ok()) {
    // Status 0 is final whatever the message is: to send the batch again would store it twice.
    result.warning = fmt::format("the answer to a successful export cannot be read: {}",
                                 partial.status().message());
    return result;
  }
  result.rejected_items = static_cast<uint64_t>(std::max<int64_t>(0, partial->rejected_items));
  result.warning = Words(partial->message);
  return result;
}

}  // namespace gapless::exporter::otlp_grpc
