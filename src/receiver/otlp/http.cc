#include "receiver/otlp/http.h"

#include "fmt/format.h"
#include "net/grpc/grpc_frame.h"
#include "net/grpc/grpc_server.h"
#include "net/server/serve_mux.h"
#include "otlp/service.h"
#include "otlp/status_map.h"
#include "receiver/otlp/cors.h"
#include "wire/compression.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace gapless::otlp_receiver {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

std::string WithSlash(const std::string& path) { return path.starts_with('/') ? path : "/" + path; }

// Without parameters, in lower case.
std::string MediaType(const net::HttpRequest& request) {
  std::string_view value = request.headers.Find("content-type").value_or("");
  value = value.substr(0, value.find(';'));
  std::string type(value.substr(0, value.find_last_not_of(" \t") + 1));
  net::AsciiLower(type);
  return type;
}

net::HttpResponse WithBody(int status, bool json, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.Add("content-type", std::string(json ? kJson : kProtobuf));
  response.body = Rope::CopyOf(body);
  return response;
}

net::HttpResponse FailureResponse(const Status& status, int http_status, bool json) {
  net::HttpResponse response =
      WithBody(http_status, json, json ? otlp::StatusJson(status) : otlp::EncodeStatus(status));
  if (status.retry_after() && (http_status == 429 || http_status == 503)) {
    response.headers.Add("retry-after", otlp::FormatRetryAfter(*status.retry_after()));
  }
  return response;
}

class HttpRoutes final : public net::HttpHandler {
 public:
  HttpRoutes(std::shared_ptr<const Intake> intake, const HttpConfig& config, WrongPort wrong_port);

  std::optional<net::HttpResponse> OnHead(const net::HttpRequest& request,
                                          const net::PeerInfo& peer,
                                          size_t& max_body_bytes) override;
  net::HttpResponse Refuse(const net::HttpRequest& request, net::HttpRefusal reason) override;
  void Handle(net::HttpCall call) override;

 private:
  // How the body of `request` is to be read, or why it cannot be.
  Result<wire::Codec> CodecOf(const net::HttpRequest& request) const;
  std::optional<otlp::Signal> SignalOf(const net::HttpRequest& request) const;
  std::optional<net::HttpResponse> CheckHead(const net::HttpRequest& request) const;
  net::HttpResponse Decorated(net::HttpResponse response, std::string_view origin) const;
  std::string_view OriginOf(const net::HttpRequest& request) const;
  net::HttpResponse TellGrpc(const net::PeerInfo& peer) const;

  const std::shared_ptr<const Intake> intake_;
  const endpoint::HttpServerConfig config_;
  const net::HttpHeaders response_headers_;
  const std::vector<std::pair<std::string, otlp::Signal>> paths_;
  const net::ServeMux mux_;
  const WrongPort wrong_port_;
};

std::vector<std::pair<std::string, otlp::Signal>> PathsOf(const Intake& intake,
                                                          const HttpConfig& config) {
  const std::array<const std::string*, 3> paths = {&config.traces_url_path,
                                                   &config.metrics_url_path, &config.logs_url_path};
  std::vector<std::pair<std::string, otlp::Signal>> served;
  for (const otlp::Signal signal : otlp::kSignals) {
    if (intake.Serves(signal)) {
      served.emplace_back(WithSlash(*paths[static_cast<size_t>(signal)]), signal);
    }
  }
  return served;
}

std::vector<std::string> PatternsOf(
    const std::vector<std::pair<std::string, otlp::Signal>>& paths) {
  const auto names = std::views::keys(paths);
  return {names.begin(), names.end()};
}

HttpRoutes::HttpRoutes(std::shared_ptr<const Intake> intake, const HttpConfig& config,
                       WrongPort wrong_port)
    : intake_(std::move(intake)),
      config_(config.server),
      response_headers_(endpoint::ToHeaders(config.server.response_headers)),
      paths_(PathsOf(*intake_, config)),
      mux_(PatternsOf(paths_)),
      wrong_port_(std::move(wrong_port)) {}

// Where Go sends a client to the clean path, it is served at once: many clients follow nobody.
std::optional<otlp::Signal> HttpRoutes::SignalOf(const net::HttpRequest& request) const {
  const auto found = mux_.Find(net::CleanPath(request.path()));
  return found ? std::optional(paths_[*found].second) : std::nullopt;
}

std::string_view HttpRoutes::OriginOf(const net::HttpRequest& request) const {
  return config_.cors ? request.headers.Find("origin").value_or("") : "";
}

net::HttpResponse HttpRoutes::Decorated(net::HttpResponse response, std::string_view origin) const {
  if (config_.cors && !config_.cors->allowed_origins.empty() && response.status != 204) {
    AddCorsHeaders(*config_.cors, origin, response);
  }
  for (const net::HttpHeader& header : response_headers_) {
    response.headers.Set(header.name, header.value);
  }
  return response;
}

Result<wire::Codec> HttpRoutes::CodecOf(const net::HttpRequest& request) const {
  std::string name = request.headers.Joined("content-encoding");
  net::AsciiLower(name);
  const std::vector<std::string>& allowed = config_.compression_algorithms;
  if (allowed.empty() || name.empty() || name == "identity") {
    return wire::Codec::kIdentity;
  }
  if (std::ranges::find(allowed, name) == allowed.end()) {
    return InvalidArgument(fmt::format("unsupported Content-Encoding: {}", name));
  }
  return wire::ParseCodec(name);
}

std::optional<net::HttpResponse> HttpRoutes::CheckHead(const net::HttpRequest& request) const {
  if (config_.cors && !config_.cors->allowed_origins.empty()) {
    if (auto preflight = AnswerPreflight(*config_.cors, request)) {
      return preflight;
    }
  }
  if (!SignalOf(request)) {
    return net::TextResponse(404, "404 page not found\n");
  }
  if (request.method != "POST") {
    net::HttpResponse response =
        net::TextResponse(405, "405 method not allowed, supported: [POST]");
    response.headers.Add("allow", "POST");
    return response;
  }
  const std::string type = MediaType(request);
  const bool known = type == kProtobuf || type == kJson;
  // As upstream, which decompresses first.
  if (const Result<wire::Codec> codec = CodecOf(request); !codec.ok()) {
    return known || type.empty()
               ? FailureResponse(codec.status(), 400, type != kProtobuf)
               : FailureResponse(Internal("failed to marshal error message"), 500, true);
  }
  if (!known) {
    return net::TextResponse(
        415, "415 unsupported media type, supported: [application/json, application/x-protobuf]");
  }
  return std::nullopt;
}

// A code that clients repeat: their data waits until their address is right.
net::HttpResponse HttpRoutes::TellGrpc(const net::PeerInfo& peer) const {
  if (wrong_port_.watch) {
    wrong_port_.watch->OnRefused(net::RefusedConnection::kWrongPort, peer.remote, "gRPC");
  }
  const Status status = ForClient(Unavailable(wrong_port_.text));
  return net::ToHttpResponse({.code = status.code(),
                              .message = status.message(),
                              .details = otlp::EncodeStatus(status),
                              .body = {}});
}

std::optional<net::HttpResponse> HttpRoutes::OnHead(const net::HttpRequest& request,
                                                    const net::PeerInfo& peer, size_t&) {
  if (net::IsGrpcContentType(request.headers.Find("content-type").value_or(""))) {
    return TellGrpc(peer);
  }
  std::optional<net::HttpResponse> refusal = CheckHead(request);
  if (refusal) {
    refusal = Decorated(*std::move(refusal), OriginOf(request));
  }
  return refusal;
}

net::HttpResponse HttpRoutes::Refuse(const net::HttpRequest& request, net::HttpRefusal reason) {
  const bool json = MediaType(request) != kProtobuf;
  const std::string_view origin = OriginOf(request);
  if (reason == net::HttpRefusal::kBodyTooLarge) {
    return Decorated(FailureResponse(InvalidArgument("http: request body too large"), 400, json),
                     origin);
  }
  if (reason == net::HttpRefusal::kOverloaded) {
    return Decorated(FailureResponse(TooManyRequests(), 503, json), origin);
  }
  return Decorated(HttpHandler::Refuse(request, reason), origin);
}

void HttpRoutes::Handle(net::HttpCall call) {
  net::HttpRequest& http = call.request;
  Request request;
  request.signal = SignalOf(http).value();
  request.json = MediaType(http) == kJson;
  // Checked when the header came.
  request.codec = CodecOf(http).value();
  request.body = std::move(http.body);
  if (config_.listen.include_metadata) {
    request.metadata = MakeMetadata(http.headers, http.authority);
  }
  auto context = std::make_shared<otlp::RequestContext>();
  context->client_address = ClientAddress(*call.peer);
  call.responder.OnCancel([context] { context->cancelled = true; });
  request.context = std::move(context);
  request.memory = call.responder.NewCharge();
  request.worker = call.worker;
  const otlp::Signal signal = request.signal;
  const bool json = request.json;
  // The handler lives as long as its server, and that as long as its connections.
  intake_->Take(std::move(request), [this, json, signal, origin = std::string(OriginOf(http)),
                                     responder = std::move(call.responder)](Status status) mutable {
    if (responder.cancelled()) {
      return;
    }
    if (status.ok()) {
      std::string body = json ? otlp::ResponseJson(signal) : otlp::EncodeResponse();
      return responder.Send(Decorated(WithBody(200, json, std::move(body)), origin));
    }
    responder.Send(Decorated(FailureResponse(status, otlp::HttpForStatus(status), json), origin));
  });
}

}  // namespace

std::shared_ptr<net::HttpHandler> MakeHttpHandler(std::shared_ptr<const Intake> intake,
                                                  const HttpConfig& config, WrongPort wrong_port) {
  return std::make_shared<HttpRoutes>(std::move(intake), config, std::move(wrong_port));
}

}  // namespace gapless::otlp_receiver
