#include "exporter/otlp_http/protocol.h"

#include "endpoint/payload.h"
#include "endpoint/user_agent.h"
#include "fmt/format.h"
#include "otlp/json_encode.h"
#include "otlp/service.h"
#include "otlp/status_map.h"

#include <algorithm>

namespace gapless::exporter::otlp_http {
namespace {

using delivery::AttemptResult;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";
// Of an error body, as upstream.
constexpr size_t kMaxErrorBytes = 64 * 1024;

// Without parameters.
std::string_view MediaType(const net::HttpResponse& response) {
  const std::string_view value = response.headers.Find("content-type").value_or("");
  std::string_view type = value.substr(0, value.find(';'));
  while (type.ends_with(' ')) {
    type.remove_suffix(1);
  }
  return type;
}

}  // namespace

HttpProtocol::HttpProtocol(const Config& config, const endpoint::UrlTarget& target,
                           const std::optional<endpoint::Proxy>& proxy, otlp::Signal signal)
    : signal_(signal),
      encoding_(config.encoding),
      codec_(endpoint::HttpCodec(config.client)),
      // Upstream's "zlib" is not registered for HTTP, but peers of ours know the name.
      content_encoding_(codec_ == wire::Codec::kZlib ? config.client.compression
                                                     : wire::ContentEncoding(codec_)),
      level_(endpoint::HttpLevel(config.client)),
      url_(config.UrlFor(signal)) {
  request_.method = "POST";
  request_.scheme = target.https ? "https" : "http";
  request_.authority = target.authority;
  request_.target = target.path;
  request_.headers.Add("content-type",
                       std::string(encoding_ == Encoding::kJson ? kJson : kProtobuf));
  request_.headers.Add("user-agent", endpoint::DefaultUserAgent());
  if (config.client.disable_keep_alives) {
    request_.headers.Add("connection", "close");
  }
  if (proxy && !target.https) {
    request_.target = "http://" + target.authority + target.path;
    if (!proxy->authorization.empty()) {
      request_.headers.Add("proxy-authorization", proxy->authorization);
    }
  }
  for (const net::HttpHeader& header : endpoint::ToHeaders(config.client.headers)) {
    if (header.name == "host") {
      request_.authority = header.value;
    } else {
      request_.headers.Set(header.name, header.value);
    }
  }
}

Result<Rope> HttpProtocol::Encode(const otlp::Batch& batch) {
  if (encoding_ == Encoding::kProto) {
    return endpoint::EncodePayload(batch, codec_, level_);
  }
  ASSIGN_OR_RETURN(const otlp::Batch plain, otlp::Inflate(batch));
  std::string json;
  RETURN_IF_ERROR(otlp::EncodeJson(plain.body, signal_, &json));
  Rope body = Rope::CopyOf(json);
  if (codec_ == wire::Codec::kIdentity) {
    return body;
  }
  return wire::Compress(codec_, level_, body);
}

net::HttpRequest HttpProtocol::Frame(Rope body, Duration, bool probe) {
  net::HttpRequest request = request_;
  if (probe) {
    // The empty request is no bytes in protobuf and an empty object in JSON.
    request.body = encoding_ == Encoding::kJson ? Rope(Slice::Static("{}")) : Rope();
    return request;
  }
  if (!content_encoding_.empty()) {
    request.headers.Set("content-encoding", content_encoding_);
  }
  request.body = std::move(body);
  return request;
}

Status HttpProtocol::Failure(const net::HttpResponse& response, WallTime now) const {
  std::string text =
      fmt::format("error exporting items, request to {} responded with HTTP Status Code {}", url_,
                  response.status);
  if (!response.body.empty() && response.body.size() <= kMaxErrorBytes &&
      MediaType(response) == kProtobuf) {
    const Slice bytes = response.body.Flatten();
    if (const auto details = otlp::DecodeStatus(bytes.span()); details) {
      text += fmt::format(", Message={}", details->message());
    }
  }
  std::optional<Duration> delay;
  if (const auto value = response.headers.Find("retry-after")) {
    delay = otlp::ParseRetryAfter(*value, now);
  }
  return otlp::StatusForHttp(response.status, std::move(text), delay);
}

AttemptResult HttpProtocol::Read(const net::HttpResponse& response, WallTime now) {
  if (response.status < 200 || response.status > 299) {
    return delivery::ClassifyHttp(response.status, Failure(response, now));
  }
  AttemptResult result;
  // Many backends answer with no body or one of their own; only OTLP's says more than "200".
  const std::string_view type = MediaType(response);
  if (response.body.empty() || (type != kProtobuf && type != kJson)) {
    return result;
  }
  const auto partial = type == kProtobuf ? otlp::DecodeResponse(response.body)
                                         : otlp::DecodeResponseJson(response.body, signal_);
  if (!partial.ok()) {
    return delivery::ClassifyGrpc(
        Internal(fmt::format("error parsing {} response: {}", type, partial.status().message()))
            .FromPeer());
  }
  result.rejected_items = static_cast<uint64_t>(std::max<int64_t>(0, partial->rejected_items));
  result.warning = partial->message;
  return result;
}

}  // namespace gapless::exporter::otlp_http
