// Server settings as the Collector writes them (configgrpc.ServerConfig, confighttp.ServerConfig),
// and the net options made of them. Keys that only tune Go's runtime are read and have no effect.
#pragma once

#include "config/fields.h"
#include "endpoint/client.h"
#include "endpoint/server_tls.h"
#include "net/grpc/grpc_server.h"
#include "net/server/http_server.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gapless::endpoint {

struct DialerConfig {
  Duration timeout = {};
  bool operator==(const DialerConfig&) const = default;
};

struct ServerAuthConfig {
  std::string authenticator;
  std::vector<std::string> request_params;
  bool operator==(const ServerAuthConfig&) const = default;
};

// What both kinds of server have.
struct ListenConfig {
  std::string endpoint;
  std::string transport = "tcp";
  DialerConfig dialer;
  config::Section<ServerTlsConfig> tls;
  config::Section<ServerAuthConfig> auth;
  bool include_metadata = false;
  std::vector<MiddlewareConfig> middlewares;
  // A key of gapless. 0: no limit but that of the process.
  uint32_t max_connections = 0;
  bool operator==(const ListenConfig&) const = default;
};

struct KeepaliveServerParameters {
  Duration max_connection_idle = {};
  Duration max_connection_age = {};
  Duration max_connection_age_grace = {};
  Duration time = {};     // 0: two hours
  Duration timeout = {};  // 0: 20 seconds
  bool operator==(const KeepaliveServerParameters&) const = default;
};

struct KeepaliveEnforcement {
  Duration min_time = {};  // 0: five minutes
  bool permit_without_stream = false;
  bool operator==(const KeepaliveEnforcement&) const = default;
};

struct ServerKeepaliveConfig {
  config::Section<KeepaliveServerParameters> server_parameters;
  config::Section<KeepaliveEnforcement> enforcement_policy;
  bool operator==(const ServerKeepaliveConfig&) const = default;
};

struct GrpcServerConfig {
  ListenConfig listen;
  int64_t max_recv_msg_size_mib = 0;  // 0: 4 MiB
  uint32_t max_concurrent_streams = 0;
  int64_t read_buffer_size = 512 * 1024;
  int64_t write_buffer_size = 0;
  config::Section<ServerKeepaliveConfig> keepalive;
  bool operator==(const GrpcServerConfig&) const = default;
};
const config::Table<GrpcServerConfig>& GrpcServerTable();

struct CorsConfig {
  std::vector<std::string> allowed_origins;
  std::vector<std::string> allowed_headers;
  std::vector<std::string> exposed_headers;
  int64_t max_age = 0;  // seconds
  bool operator==(const CorsConfig&) const = default;
};

struct HttpServerConfig {
  ListenConfig listen;
  int64_t max_request_body_size = 0;  // 0 and less: 20 MiB
  std::vector<std::string> compression_algorithms = {
      "", "gzip", "zstd", "zlib", "snappy", "deflate", "lz4", "x-snappy-framed"};
  config::Section<CorsConfig> cors;
  config::HeaderMap response_headers;
  Duration read_timeout = {};
  Duration read_header_timeout = {};
  Duration write_timeout = {};
  Duration idle_timeout = {};
  bool keep_alives_enabled = true;
  bool operator==(const HttpServerConfig&) const = default;
};
const config::Table<HttpServerConfig>& HttpServerTable();

// Precondition for all below: the config passed validation.

// Of one request, bytes, as sent and also after decompression.
size_t MaxMessageBytes(const GrpcServerConfig& config);
size_t MaxBodyBytes(const HttpServerConfig& config);

// Read certificate files.
Result<net::HttpServerOptions> MakeServerOptions(const GrpcServerConfig& config);
Result<net::HttpServerOptions> MakeServerOptions(const HttpServerConfig& config);

}  // namespace gapless::endpoint
