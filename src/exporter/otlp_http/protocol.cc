#include "exporter/otlp_http/protocol.h"

#include "endpoint/payload.h"
#include "endpoint/peer_words.h"
#include "endpoint/user_agent.h"
#include "fmt/format.h"
#include "otlp/json_encode.h"
#include "otlp/service.h"
#include "otlp/status_map.h"

#include <algorithm>

namespace gapless::exporter::otlp_http {
namespace {

using sending::AttemptResult;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

// What the body of a success says beyond it; nothing, unless it is OTLP's own.
Result<otlp::PartialSuccess> ReadPartial(const net::HttpResponse& response, otlp::Signal signal) {
  const std::string type = endpoint::MediaType(response);
  // Many backends answer with no body or one of their own.
  if (response.body.empty() || (type != kProtobuf && type != kJson)) {
    return otlp::PartialSuccess();
  }
  if (response.cut) {
    return InvalidArgument(fmt::format("{} response broke off or is too large", type));
  }
  ASSIGN_OR_RETURN(const wire::Codec codec,
                   wire::ParseCodec(response.headers.Find("content-encoding").value_or("")));
  ASSIGN_OR_RETURN(const Rope plain,
                   wire::Decompress(codec, response.body, otlp::kMaxResponseSize));
  return type == kProtobuf ? otlp::DecodeResponse(plain) : otlp::DecodeResponseJson(plain, signal);
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
      codec_name_(codec_ == wire::Codec::kIdentity ? "none" : config.client.compression),
      level_(endpoint::HttpLevel(config.client)),
      url_(endpoint::WithoutUser(config.UrlFor(signal))),
      target_(target) {
  if (config.client.cookies) {
    cookies_.emplace(target.address.host, target.https);
  }
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
      secrets_.Add("proxy-authorization", proxy->authorization);
    }
  }
  if (!target.authorization.empty()) {
    request_.headers.Add("authorization", target.authorization);
    secrets_.Add("authorization", target.authorization);
  }
  for (const net::HttpHeader& header : endpoint::ToHeaders(config.client.headers)) {
    if (header.name == "host") {
      request_.authority = header.value;
    } else {
      request_.headers.Set(header.name, header.value);
      secrets_.Add(header.name, header.value);
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

// `path`: without the proxy's form.
void HttpProtocol::AddCookies(std::string_view path, net::HttpRequest& request) const {
  const std::string cookies = cookies_ ? cookies_->For(path) : "";
  if (!cookies.empty()) {
    request.headers.Set("cookie", cookies);
  }
}

std::optional<net::HttpRequest> HttpProtocol::Redirected(const net::HttpRequest& request,
                                                         const net::HttpResponse& response,
                                                         WallTime now) {
  if (response.status != 307 && response.status != 308) {
    return std::nullopt;
  }
  const std::string place = "http://" + target_.authority;
  const bool whole = request.target.starts_with("http://");  // as a proxy wants it
  const std::string path = whole ? request.target.substr(place.size()) : request.target;
  const auto next =
      endpoint::SameServerPath(target_, path, response.headers.Find("location").value_or(""));
  if (!next) {
    return std::nullopt;
  }
  if (cookies_) {
    cookies_->Take(response.headers, path, now);
  }
  net::HttpRequest again = request;
  again.target = whole ? place + *next : *next;
  AddCookies(*next, again);
  return again;
}

net::HttpRequest HttpProtocol::Frame(Rope body, Duration, bool probe) {
  net::HttpRequest request = request_;
  AddCookies(target_.path, request);
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

sending::Transport::Form HttpProtocol::form() const {
  return {.encoding = encoding_ == Encoding::kJson ? "json" : "proto", .codec = codec_name_};
}

std::optional<net::HttpRequest> HttpProtocol::FrameOther() const {
  net::HttpRequest request = request_;
  const bool json = encoding_ != Encoding::kJson;
  request.headers.Set("content-type", std::string(json ? kJson : kProtobuf));
  request.body = json ? Rope(Slice::Static("{}")) : Rope();
  return request;
}

Status HttpProtocol::Failure(const net::HttpResponse& response, WallTime now) const {
  std::string text =
      fmt::format("error exporting items, request to {} responded with HTTP Status Code {}", url_,
                  response.status);
  if (const std::string words = endpoint::PeerWords(response, secrets_); !words.empty()) {
    text += fmt::format(", Message={}", words);
  }
  const std::string_view location = response.headers.Find("location").value_or("");
  if (response.status >= 300 && response.status < 400 && !location.empty()) {
    text += fmt::format(
        ", which leads to {} and is not followed",
        endpoint::OneLine(endpoint::WithoutSecrets(endpoint::WithoutUser(location), secrets_),
                          endpoint::kMaxBodyWords));
  }
  std::optional<Duration> delay;
  if (const auto value = response.headers.Find("retry-after")) {
    delay = otlp::ParseRetryAfter(*value, now);
  }
  return otlp::StatusForHttp(response.status, std::move(text), delay);
}

AttemptResult HttpProtocol::Read(const net::HttpResponse& response, WallTime now) {
  if (cookies_) {
    cookies_->Take(response.headers, target_.path, now);
  }
  if (response.status < 200 || response.status > 299) {
    return sending::ClassifyHttp(response.status, Failure(response, now));
  }
  AttemptResult result;
  const auto partial = ReadPartial(response, signal_);
  if (!partial.ok()) {
    // A 2xx is final whatever its body says: to send the batch again would store it twice.
    result.warning = fmt::format("the answer to a successful export cannot be read: {}",
                                 partial.status().message());
    return result;
  }
  result.rejected_items = static_cast<uint64_t>(std::max<int64_t>(0, partial->rejected_items));
  result.warning = endpoint::OneLine(endpoint::WithoutSecrets(partial->message, secrets_),
                                     endpoint::kMaxStatusWords);
  return result;
}

}  // namespace gapless::exporter::otlp_http
