#include "exporter/otlp_grpc/protocol.h"

#include "endpoint/payload.h"
#include "endpoint/user_agent.h"
#include "fmt/format.h"
#include "net/grpc_client.h"
#include "otlp/service.h"
#include "otlp/status_map.h"

namespace gapless::exporter::otlp_grpc {
namespace {

using delivery::AttemptResult;
using delivery::ClassifyGrpc;

Result<Rope> Plain(const net::GrpcAnswer& answer) {
  RETURN_IF_ERROR(answer.body_status);
  if (answer.encoding.empty()) {
    return answer.body;
  }
  ASSIGN_OR_RETURN(wire::Codec codec, wire::ParseCodec(answer.encoding));
  return wire::Decompress(codec, answer.body, otlp::kMaxResponseSize);
}

// grpc-status decides; the details add the delay.
Status Failure(const net::GrpcAnswer& answer) {
  if (!answer.status) {
    return Status(otlp::CodeForHttpOfGrpc(answer.http_status),
                  fmt::format("unexpected HTTP status code received from server: {}",
                              answer.http_status))
        .FromPeer();
  }
  Status status = Status(otlp::CodeForGrpc(*answer.status), answer.message).FromPeer();
  if (!answer.details.empty()) {
    const auto details = otlp::DecodeStatus(AsBytes(answer.details));
    if (details && details->code() == status.code() && details->retry_after()) {
      return status.WithRetryAfter(*details->retry_after());
    }
  }
  return status;
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

AttemptResult GrpcProtocol::Read(const net::HttpResponse& response, WallTime) {
  const net::GrpcAnswer answer = net::ReadGrpcAnswer(response, otlp::kMaxResponseSize);
  if (answer.status != 0u) {
    return ClassifyGrpc(Failure(answer));
  }
  Result<Rope> body = Plain(answer);
  if (!body.ok()) {
    return ClassifyGrpc(Internal(body.status().message()).FromPeer());
  }
  const auto partial = otlp::DecodeResponse(*body);
  if (!partial.ok()) {
    return ClassifyGrpc(Internal(partial.status().message()).FromPeer());
  }
  AttemptResult result;
  result.rejected_items = static_cast<uint64_t>(std::max<int64_t>(0, partial->rejected_items));
  result.warning = partial->message;
  return result;
}

}  // namespace gapless::exporter::otlp_grpc
