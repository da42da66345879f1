#include "endpoint/client.h"

#include "fmt/format.h"

#include <algorithm>
#include <array>

namespace gapless::endpoint {
namespace {

using config::Checker;
using config::Field;
using config::Table;

void CheckAuth(const AuthConfig& auth, Checker& checker) {
  checker.Fail("authenticator", fmt::format("failed to resolve authenticator \"{}\": authenticator "
                                            "not found; send credentials with \"headers\" instead",
                                            auth.authenticator));
}

const Table<AuthConfig>& AuthTable() {
  static const Table<AuthConfig> table(
      {Field("authenticator", &AuthConfig::authenticator, "Not supported: use headers.")},
      CheckAuth);
  return table;
}

void CheckMiddleware(const MiddlewareConfig& middleware, Checker& checker) {
  checker.Fail("id", fmt::format("failed to resolve middleware \"{}\": middleware not found",
                                 middleware.id));
}

const Table<MiddlewareConfig>& MiddlewareTable() {
  static const Table<MiddlewareConfig> table({Field("id", &MiddlewareConfig::id, "Not supported.")},
                                             CheckMiddleware);
  return table;
}

void CheckHeaders(const config::HeaderMap& headers, Checker& checker) {
  for (const config::Header& header : headers.items) {
    if (!net::IsHeaderName(header.name)) {
      checker.Fail("headers", fmt::format("\"{}\" is not a valid header name", header.name));
    } else if (!net::IsHeaderValue(header.value.Reveal())) {
      checker.Fail("headers",
                   fmt::format("the value of header \"{}\" has characters that cannot be "
                               "sent",
                               header.name));
    }
  }
}

void CheckBuffers(int64_t read, int64_t write, Checker& checker) {
  if (read < 0) {
    checker.Fail("read_buffer_size", "read_buffer_size must be non-negative");
  }
  if (write < 0) {
    checker.Fail("write_buffer_size", "write_buffer_size must be non-negative");
  }
}

// The names that any client section takes.
std::optional<wire::Codec> CodecNamed(std::string_view name) {
  if (name == "none" || name.empty()) {
    return wire::Codec::kIdentity;
  }
  auto codec = wire::ParseCodec(name == "zlib" ? "deflate" : name);
  if (!codec.ok() || name == "identity") {
    return std::nullopt;
  }
  return *codec;
}

void CheckCompression(std::string_view name, std::initializer_list<wire::Codec> allowed,
                      Checker& checker) {
  const auto codec = CodecNamed(name);
  if (!codec || std::ranges::find(allowed, *codec) == allowed.end()) {
    checker.Fail("compression", fmt::format("unsupported compression type \"{}\"", name));
  }
}

void CheckGrpc(const GrpcClientConfig& config, Checker& checker) {
  const auto target = ParseGrpcEndpoint(config.endpoint);
  if (!target.ok()) {
    checker.Fail("endpoint", target.status().message());
  }
  using enum wire::Codec;
  CheckCompression(config.compression, {kIdentity, kGzip, kZstd, kSnappy}, checker);
  constexpr std::array<std::string_view, 3> kBalancers = {"", "round_robin", "pick_first"};
  if (std::ranges::find(kBalancers, config.balancer_name) == kBalancers.end()) {
    checker.Fail("balancer_name", "invalid balancer_name: " + config.balancer_name);
  }
  CheckBuffers(config.read_buffer_size, config.write_buffer_size, checker);
  CheckHeaders(config.headers, checker);
}

void CheckHttp(const HttpClientConfig& config, Checker& checker) {
  using enum wire::Codec;
  CheckCompression(config.compression,
                   {kIdentity, kGzip, kZstd, kSnappy, kZlib, kLz4, kSnappyFramed}, checker);
  const auto codec = CodecNamed(config.compression);
  const int32_t level = config.compression_params.level;
  if (codec && level != 0) {
    const bool deflate = *codec == kGzip || *codec == kZlib;
    const bool fits = (deflate && level >= -2 && level <= 9) || *codec == kZstd;
    if (!fits) {
      checker.Fail("compression_params",
                   fmt::format("unsupported parameters {{Level:{}}} for compression type \"{}\"",
                               level, config.compression));
    }
  }
  if (!config.proxy_url.empty()) {
    if (const auto proxy = ParseProxy(config.proxy_url); !proxy.ok()) {
      checker.Fail("proxy_url", proxy.status().message());
    }
  }
  CheckBuffers(config.read_buffer_size, config.write_buffer_size, checker);
  CheckHeaders(config.headers, checker);
}

const Table<KeepaliveConfig>& KeepaliveTable() {
  static const Table<KeepaliveConfig> table = {
      Field("time", &KeepaliveConfig::time, "PING after so long without a byte from the peer.")
          .Min(0),
      Field("timeout", &KeepaliveConfig::timeout,
            "An unanswered PING ends the connection after so long.")
          .Min(0),
      Field("permit_without_stream", &KeepaliveConfig::permit_without_stream,
            "PING also while no request is in flight."),
  };
  return table;
}

void Common(net::ClientChannelOptions& options, Duration suspect_after) {
  // Less than this is no time for a round trip over a continent.
  const Duration patience = std::max<Duration>(suspect_after, std::chrono::milliseconds(100));
  options.connection.suspect_after = patience;
  options.stream.tcp_user_timeout = patience * 3 / 2;
}

}  // namespace

const Table<GrpcClientConfig>& GrpcClientTable() {
  static const Table<GrpcClientConfig> table(
      {
          Field("endpoint", &GrpcClientConfig::endpoint,
                "host:port; https:// in front forces TLS; unix:///path for a socket."),
          Field("compression", &GrpcClientConfig::compression, "gzip, zstd, snappy or none."),
          Field("tls", &GrpcClientConfig::tls, ClientTlsTable(), "TLS is on unless insecure."),
          Field("keepalive", &GrpcClientConfig::keepalive, KeepaliveTable(),
                "PINGs on quiet connections, on top of black-hole detection."),
          Field("read_buffer_size", &GrpcClientConfig::read_buffer_size,
                "Not needed: sized by what is carried."),
          Field("write_buffer_size", &GrpcClientConfig::write_buffer_size,
                "Not needed: sized by what is carried."),
          Field("wait_for_ready", &GrpcClientConfig::wait_for_ready,
                "Attempts wait for a connection until their timeout instead of failing at once."),
          Field("headers", &GrpcClientConfig::headers, "Sent as metadata with every call."),
          Field("balancer_name", &GrpcClientConfig::balancer_name,
                "round_robin: a connection to every address of the name; pick_first: one."),
          Field("authority", &GrpcClientConfig::authority, "Overrides :authority."),
          Field("user_agent", &GrpcClientConfig::user_agent, "Empty: gapless and its version."),
          Field("auth", &GrpcClientConfig::auth, AuthTable(), "Credentials from an extension."),
          Field("middlewares", &GrpcClientConfig::middlewares, MiddlewareTable(),
                "Middleware extensions."),
      },
      CheckGrpc);
  return table;
}

const Table<HttpClientConfig>& HttpClientTable() {
  static const Table<CompressionParams> params = {Field(
      "level", &CompressionParams::level, "gzip, zlib, deflate: -2 to 9; zstd: any; 0: default.")};
  static const Table<CookiesConfig> cookies = {};
  static const Table<HttpClientConfig> table(
      {
          Field("proxy_url", &HttpClientConfig::proxy_url,
                "An http:// proxy; empty: HTTP_PROXY, HTTPS_PROXY and NO_PROXY."),
          Field("tls", &HttpClientConfig::tls, ClientTlsTable(), "For https:// endpoints."),
          Field("read_buffer_size", &HttpClientConfig::read_buffer_size,
                "Not needed: sized by what is carried."),
          Field("write_buffer_size", &HttpClientConfig::write_buffer_size,
                "Not needed: sized by what is carried."),
          Field("headers", &HttpClientConfig::headers, "Sent with every request."),
          Field("auth", &HttpClientConfig::auth, AuthTable(), "Credentials from an extension."),
          Field("compression", &HttpClientConfig::compression,
                "gzip, zlib, deflate, snappy, x-snappy-framed, zstd, lz4 or none."),
          Field("compression_params", &HttpClientConfig::compression_params, params,
                "How hard to compress."),
          Field("max_idle_conns", &HttpClientConfig::max_idle_conns,
                "Idle HTTP/1.1 connections at most; 0: no limit."),
          Field("max_idle_conns_per_host", &HttpClientConfig::max_idle_conns_per_host,
                "Idle connections at most; 0: two stay, more end within 10 s."),
          Field("max_conns_per_host", &HttpClientConfig::max_conns_per_host,
                "Connections at most; 0: one per attempt in flight.")
              .Min(0),
          Field("idle_conn_timeout", &HttpClientConfig::idle_conn_timeout,
                "Close connections that were idle for so long; 0: never.")
              .Min(0),
          Field("disable_keep_alives", &HttpClientConfig::disable_keep_alives,
                "One connection per request."),
          Field("http2_read_idle_timeout", &HttpClientConfig::http2_read_idle_timeout,
                "PING after so long without a byte from the peer; 0: never.")
              .Min(0),
          Field("http2_ping_timeout", &HttpClientConfig::http2_ping_timeout,
                "An unanswered PING ends the connection after so long; 0: 15s.")
              .Min(0),
          Field("force_attempt_http2", &HttpClientConfig::force_attempt_http2,
                "Offer HTTP/2 in the TLS handshake."),
          Field("cookies", &HttpClientConfig::cookies, cookies,
                "Send back the cookies that the server sets."),
          Field("middlewares", &HttpClientConfig::middlewares, MiddlewareTable(),
                "Middleware extensions."),
      },
      CheckHttp);
  return table;
}

wire::Codec GrpcCodec(const GrpcClientConfig& config) {
  const wire::Codec codec = CodecNamed(config.compression).value_or(wire::Codec::kIdentity);
  // gRPC's "snappy" is the framed format (go-grpc-compression, which upstream uses).
  return codec == wire::Codec::kSnappy ? wire::Codec::kSnappyFramed : codec;
}

wire::Codec HttpCodec(const HttpClientConfig& config) {
  return CodecNamed(config.compression).value_or(wire::Codec::kIdentity);
}

int HttpLevel(const HttpClientConfig& config) {
  const int level = config.compression_params.level;
  if (level == 0) {
    return wire::kDefaultLevel;
  }
  if (HttpCodec(config) == wire::Codec::kZstd) {
    return std::clamp(level, 1, 22);
  }
  // -2 is Go's "Huffman only", for which the nearest thing is the fastest level.
  return level == -2 ? 1 : level;
}

net::HttpHeaders ToHeaders(const config::HeaderMap& headers) {
  net::HttpHeaders out;
  for (const config::Header& header : headers.items) {
    std::string name = header.name;
    net::AsciiLower(name);
    out.Add(std::move(name), header.value.Reveal());
  }
  return out;
}

std::string_view GrpcScheme(const GrpcClientConfig& config) {
  const auto target = ParseGrpcEndpoint(config.endpoint);
  return config.tls.plaintext() && !(target.ok() && target->https) ? "http" : "https";
}

std::string GrpcAuthority(const GrpcClientConfig& config) {
  if (!config.authority.empty()) {
    return config.authority;
  }
  if (!config.tls.server_name_override.empty() && GrpcScheme(config) == "https") {
    return config.tls.server_name_override;
  }
  const auto target = ParseGrpcEndpoint(config.endpoint);
  return target.ok() ? target->authority : "";
}

Result<std::shared_ptr<net::TlsClientContext>> MakeGrpcTls(const GrpcClientConfig& config) {
  if (GrpcScheme(config) == "http") {
    return std::shared_ptr<net::TlsClientContext>();
  }
  return MakeClientTls(config.tls, {"h2"});
}

net::ClientChannelOptions GrpcChannelOptions(const GrpcClientConfig& config,
                                             std::shared_ptr<net::TlsClientContext> tls,
                                             Duration suspect_after) {
  const auto target = ParseGrpcEndpoint(config.endpoint);
  GAPLESS_CHECK(target.ok());
  net::ClientChannelOptions options;
  Common(options, suspect_after);
  options.target = target->address;
  if (target->unix_address) {
    options.fixed_addresses = {*target->unix_address};
  }
  options.tls = std::move(tls);
  options.server_name = target->unix_address ? "localhost" : target->address.host;
  options.connection.protocol = net::ClientProtocol::kHttp2;
  options.connection.hints = {.http1 = "use otlp_http for it, or its port for gRPC, usually 4317",
                              .http2 = {},
                              .tls = "leave out \"insecure\" in its tls section",
                              .plain = "set \"insecure: true\" in its tls section",
                              .mute =
                                  "if it wants TLS, leave out \"insecure\" in its tls section; "
                                  "if it speaks HTTP/1.1, use otlp_http for it"};
  if (options.tls) {
    options.connection.hints.mute = "if it speaks HTTP/1.1, use otlp_http for it";
  }
  options.wait_for_ready = config.wait_for_ready;
  options.spread = config.balancer_name != "pick_first";
  if (config.keepalive) {
    // grpc-go raises shorter times to ten seconds; servers take offence at less.
    options.connection.keepalive = {
        .time = std::max<Duration>(config.keepalive->time, std::chrono::seconds(10)),
        .timeout = config.keepalive->timeout,
        .permit_without_stream = config.keepalive->permit_without_stream};
  }
  return options;
}

Result<std::optional<Proxy>> GrpcProxy(const GrpcClientConfig& config, Environment environment) {
  const auto target = ParseGrpcEndpoint(config.endpoint);
  if (!target.ok() || target->unix_address) {
    return std::optional<Proxy>();
  }
  return ProxyFromEnvironment(true, target->address, environment);
}

Result<std::optional<Proxy>> HttpProxy(const HttpClientConfig& config, const UrlTarget& target,
                                       Environment environment) {
  if (config.proxy_url.empty()) {
    return ProxyFromEnvironment(target.https, target.address, environment);
  }
  ASSIGN_OR_RETURN(Proxy proxy, ParseProxy(config.proxy_url));
  return std::optional<Proxy>(std::move(proxy));
}

void UseProxy(const std::optional<Proxy>& proxy, bool tunnel, net::ClientChannelOptions& options) {
  if (proxy) {
    options.proxy = proxy->address;
    options.proxy_tunnel = tunnel;
    options.proxy_authorization = proxy->authorization;
  }
}

Result<std::shared_ptr<net::TlsClientContext>> MakeHttpTls(const HttpClientConfig& config,
                                                           const UrlTarget& target) {
  if (!target.https) {
    return std::shared_ptr<net::TlsClientContext>();
  }
  std::vector<std::string> alpn;
  if (config.force_attempt_http2 && !config.disable_keep_alives) {
    alpn.emplace_back("h2");
  }
  alpn.emplace_back("http/1.1");
  return MakeClientTls(config.tls, std::move(alpn));
}

net::ClientChannelOptions HttpChannelOptions(const HttpClientConfig& config,
                                             const UrlTarget& target,
                                             std::shared_ptr<net::TlsClientContext> tls,
                                             Duration suspect_after) {
  net::ClientChannelOptions options;
  Common(options, suspect_after);
  options.target = target.address;
  options.server_name = target.address.host;
  options.connection.protocol =
      tls != nullptr ? net::ClientProtocol::kByAlpn : net::ClientProtocol::kHttp1;
  options.connection.hints = {.http1 = {},
                              .http2 = "use otlp_grpc for it, or its port for HTTP, usually 4318",
                              .tls = "begin its endpoint with https://",
                              .plain = "begin its endpoint with http://",
                              .mute = {}};
  options.tls = std::move(tls);
  options.idle_timeout = config.idle_conn_timeout;
  for (const int64_t limit : {config.max_idle_conns, config.max_idle_conns_per_host}) {
    if (limit != 0) {  // as in Go, less than none is none
      options.max_idle_connections =
          std::min(options.max_idle_connections, static_cast<size_t>(std::max<int64_t>(limit, 0)));
    }
  }
  if (config.max_idle_conns_per_host > 0) {
    options.keep_idle = static_cast<size_t>(config.max_idle_conns_per_host);
  }
  if (config.max_conns_per_host > 0) {
    options.max_connections = static_cast<size_t>(config.max_conns_per_host);
  }
  if (config.http2_read_idle_timeout > Duration::zero()) {
    const bool given = config.http2_ping_timeout > Duration::zero();
    options.connection.keepalive = {
        .time = config.http2_read_idle_timeout,
        .timeout = given ? config.http2_ping_timeout : Duration(std::chrono::seconds(15)),
        .permit_without_stream = true};
  }
  return options;
}

}  // namespace gapless::endpoint
