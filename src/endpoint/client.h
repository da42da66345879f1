// Client settings as the Collector writes them (configgrpc.ClientConfig, confighttp.ClientConfig),
// and the channel options made of them. Keys that only tune Go's runtime are read and have no
// effect.
#pragma once

#include "config/fields.h"
#include "endpoint/proxy.h"
#include "endpoint/target.h"
#include "endpoint/tls.h"
#include "net/dial/client_channel.h"
#include "wire/compression.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::endpoint {

// Extensions that add credentials do not exist here: naming one is an error at validation.
struct AuthConfig {
  std::string authenticator;
  bool operator==(const AuthConfig&) const = default;
};

struct MiddlewareConfig {
  std::string id;
  bool operator==(const MiddlewareConfig&) const = default;
};

struct KeepaliveConfig {
  Duration time = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(10);
  bool permit_without_stream = false;
  bool operator==(const KeepaliveConfig&) const = default;
};

struct GrpcClientConfig {
  std::string endpoint;
  std::string compression = "gzip";
  ClientTlsConfig tls;
  config::Section<KeepaliveConfig> keepalive;
  int64_t read_buffer_size = 0;
  int64_t write_buffer_size = 512 * 1024;
  bool wait_for_ready = false;
  config::HeaderMap headers;
  std::string balancer_name = "round_robin";
  std::string authority;
  std::string user_agent;  // empty: DefaultUserAgent()
  config::Section<AuthConfig> auth;
  std::vector<MiddlewareConfig> middlewares;
  bool operator==(const GrpcClientConfig&) const = default;
};
const config::Table<GrpcClientConfig>& GrpcClientTable();

struct CompressionParams {
  int32_t level = 0;  // 0: the codec's default
  bool operator==(const CompressionParams&) const = default;
};

struct CookiesConfig {
  bool operator==(const CookiesConfig&) const = default;
};

struct HttpClientConfig {
  std::string proxy_url;
  ClientTlsConfig tls;
  int64_t read_buffer_size = 0;
  int64_t write_buffer_size = 512 * 1024;
  config::HeaderMap headers;
  config::Section<AuthConfig> auth;
  std::string compression = "gzip";
  CompressionParams compression_params;
  int64_t max_idle_conns = 100;
  int64_t max_idle_conns_per_host = 0;
  int64_t max_conns_per_host = 0;
  Duration idle_conn_timeout = std::chrono::seconds(90);
  bool disable_keep_alives = false;
  Duration http2_read_idle_timeout = {};
  Duration http2_ping_timeout = {};
  bool force_attempt_http2 = true;
  config::Section<CookiesConfig> cookies;
  std::vector<MiddlewareConfig> middlewares;
  bool operator==(const HttpClientConfig&) const = default;
};
const config::Table<HttpClientConfig>& HttpClientTable();

// Precondition for all below: the config passed validation.
wire::Codec GrpcCodec(const GrpcClientConfig& config);
wire::Codec HttpCodec(const HttpClientConfig& config);
int HttpLevel(const HttpClientConfig& config);
// Names in lower case.
net::HttpHeaders ToHeaders(const config::HeaderMap& headers);

// Reads certificate files. `suspect_after`: see net::Liveness.
Result<std::shared_ptr<net::TlsClientContext>> MakeGrpcTls(const GrpcClientConfig& config);
net::ClientChannelOptions GrpcChannelOptions(const GrpcClientConfig& config,
                                             std::shared_ptr<net::TlsClientContext> tls,
                                             Duration suspect_after);
// gRPC goes through the proxy of HTTPS_PROXY whether or not it speaks TLS, as grpc-go does.
Result<std::optional<Proxy>> GrpcProxy(const GrpcClientConfig& config, Environment environment);
// "http" or "https", as the channel will speak.
std::string_view GrpcScheme(const GrpcClientConfig& config);
std::string GrpcAuthority(const GrpcClientConfig& config);

// `proxy_url`, else the environment's.
Result<std::optional<Proxy>> HttpProxy(const HttpClientConfig& config, const UrlTarget& target,
                                       Environment environment);
// Sends the channel through `proxy`: in a tunnel, or, for plain http requests that name the whole
// URL, without.
void UseProxy(const std::optional<Proxy>& proxy, bool tunnel, net::ClientChannelOptions& options);

// Null for http:// targets.
Result<std::shared_ptr<net::TlsClientContext>> MakeHttpTls(const HttpClientConfig& config,
                                                           const UrlTarget& target);
net::ClientChannelOptions HttpChannelOptions(const HttpClientConfig& config,
                                             const UrlTarget& target,
                                             std::shared_ptr<net::TlsClientContext> tls,
                                             Duration suspect_after);

}  // namespace gapless::endpoint
