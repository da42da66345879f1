#include "endpoint/server.h"

#include "fmt/format.h"

#include <algorithm>
#include <array>
#include <limits>

namespace gapless::endpoint {
namespace {

using config::Checker;
using config::Field;
using config::Table;

constexpr int64_t kMiB = 1024 * 1024;
constexpr int64_t kDefaultGrpcMiB = 4;
constexpr int64_t kDefaultHttpBytes = 20 * kMiB;
constexpr uint32_t kDefaultStreams = 1000;

void CheckAuth(const ServerAuthConfig& auth, Checker& checker) {
  checker.Fail("authenticator",
               fmt::format("failed to resolve authenticator \"{}\": authenticator not found",
                           auth.authenticator));
}

void CheckMiddleware(const MiddlewareConfig& middleware, Checker& checker) {
  checker.Fail("id", fmt::format("failed to resolve middleware \"{}\": middleware not found",
                                 middleware.id));
}

void CheckListen(const ListenConfig& listen, Checker& checker) {
  constexpr std::array<std::string_view, 4> kTransports = {"tcp", "tcp4", "tcp6", "unix"};
  if (std::ranges::find(kTransports, listen.transport) == kTransports.end()) {
    checker.Fail("transport", fmt::format("unsupported transport type \"{}\"", listen.transport));
    return;
  }
  if (listen.transport == "unix") {
    const auto path = net::SocketAddress::FromUnixPath(listen.endpoint);
    if (!path.ok()) {
      checker.Fail("endpoint", path.status().message());
    }
    return;
  }
  const auto address = net::HostPort::Parse(listen.endpoint);
  if (!address.ok()) {
    checker.Fail("endpoint",
                 fmt::format("failed to parse endpoint: {}", address.status().message()));
  }
}

void CheckGrpc(const GrpcServerConfig& config, Checker& checker) {
  if (config.max_recv_msg_size_mib < 0 ||
      config.max_recv_msg_size_mib > std::numeric_limits<int32_t>::max() / kMiB) {
    checker.Fail(
        "max_recv_msg_size_mib",
        fmt::format("invalid max_recv_msg_size_mib value, must be between 0 and {}: {}",
                    std::numeric_limits<int32_t>::max() / kMiB, config.max_recv_msg_size_mib));
  }
  if (config.read_buffer_size < 0) {
    checker.Fail("read_buffer_size",
                 fmt::format("invalid read_buffer_size value: {}", config.read_buffer_size));
  }
  if (config.write_buffer_size < 0) {
    checker.Fail("write_buffer_size",
                 fmt::format("invalid write_buffer_size value: {}", config.write_buffer_size));
  }
}

void CheckHttp(const HttpServerConfig& config, Checker& checker) {
  for (const std::string& name : config.compression_algorithms) {
    if (!name.empty() && !wire::ParseCodec(name).ok()) {
      checker.Fail("compression_algorithms",
                   fmt::format("unsupported compression type \"{}\"", name));
    }
  }
  for (const config::Header& header : config.response_headers.items) {
    if (!net::IsHeaderName(header.name) || !net::IsHeaderValue(header.value.Reveal())) {
      checker.Fail("response_headers", fmt::format("header \"{}\" cannot be sent", header.name));
    }
  }
  if (config.cors && config.cors->allowed_origins.empty() &&
      !config.cors->allowed_headers.empty()) {
    checker.Warn("cors",
                 "The CORS configuration specifies allowed headers but no allowed origins, "
                 "and is therefore ignored.");
  }
}

const Table<ListenConfig>& ListenTable() {
  static const Table<DialerConfig> dialer = {
      Field("timeout", &DialerConfig::timeout, "A server dials nobody.")};
  static const Table<ServerAuthConfig> auth(
      {
          Field("authenticator", &ServerAuthConfig::authenticator, "Not supported."),
          Field("request_params", &ServerAuthConfig::request_params, "Not supported."),
      },
      CheckAuth);
  static const Table<MiddlewareConfig> middleware(
      {Field("id", &MiddlewareConfig::id, "Not supported.")}, CheckMiddleware);
  static const Table<ListenConfig> table(
      {
          Field("endpoint", &ListenConfig::endpoint, "host:port to listen on, or a socket path."),
          Field("transport", &ListenConfig::transport, "tcp, tcp4, tcp6 or unix."),
          Field("dialer", &ListenConfig::dialer, dialer, "A server dials nobody."),
          Field("tls", &ListenConfig::tls, ServerTlsTable(), "Listen with TLS."),
          Field("auth", &ListenConfig::auth, auth, "Authentication by an extension."),
          Field("include_metadata", &ListenConfig::include_metadata,
                "Keep request headers for later components."),
          Field("middlewares", &ListenConfig::middlewares, middleware, "Middleware extensions."),
          Field("max_connections", &ListenConfig::max_connections,
                "Connections at a time; further ones wait, and idle ones are closed for them; 0: "
                "no limit but that of the process."),
      },
      CheckListen);
  return table;
}

const Table<ServerKeepaliveConfig>& KeepaliveTable() {
  using Parameters = KeepaliveServerParameters;
  static const Table<Parameters> parameters = {
      Field("max_connection_idle", &Parameters::max_connection_idle,
            "Say goodbye to connections without requests for so long; 0: never.")
          .Min(0),
      Field("max_connection_age", &Parameters::max_connection_age,
            "Say goodbye to connections of this age, 10 % more or less; 0: never.")
          .Min(0),
      Field("max_connection_age_grace", &Parameters::max_connection_age_grace,
            "Close so long after the goodbye; 0: when the last request is answered.")
          .Min(0),
      Field("time", &Parameters::time, "PING after so long without a byte; 0: 2h.").Min(0),
      Field("timeout", &Parameters::timeout, "Wait for the answer to a PING; 0: 20s.").Min(0),
  };
  static const Table<KeepaliveEnforcement> enforcement = {
      Field("min_time", &KeepaliveEnforcement::min_time,
            "Clients that PING more often are sent away; 0: 5m.")
          .Min(0),
      Field("permit_without_stream", &KeepaliveEnforcement::permit_without_stream,
            "Clients may PING without requests."),
  };
  static const Table<ServerKeepaliveConfig> table = {
      Field("server_parameters", &ServerKeepaliveConfig::server_parameters, parameters,
            "What the server does."),
      Field("enforcement_policy", &ServerKeepaliveConfig::enforcement_policy, enforcement,
            "What clients may do."),
  };
  return table;
}

Result<net::HttpServerOptions> ListenOptions(const ListenConfig& listen,
                                             std::vector<std::string> alpn) {
  net::HttpServerOptions options;
  options.max_connections = listen.max_connections;
  if (listen.tls) {
    ASSIGN_OR_RETURN(options.tls, MakeServerTls(*listen.tls, std::move(alpn)));
  }
  return options;
}

void SetIfGiven(Duration& option, Duration value) {
  if (value > Duration::zero()) {
    option = value;
  }
}

}  // namespace

const Table<GrpcServerConfig>& GrpcServerTable() {
  static const Table<GrpcServerConfig> table(
      {
          config::Squash(&GrpcServerConfig::listen, ListenTable()),
          Field("max_recv_msg_size_mib", &GrpcServerConfig::max_recv_msg_size_mib,
                "Largest message, compressed or not; 0: 4."),
          Field("max_concurrent_streams", &GrpcServerConfig::max_concurrent_streams,
                "Requests in flight per connection; 0: 1000."),
          Field("read_buffer_size", &GrpcServerConfig::read_buffer_size,
                "Largest read buffer per connection; 0: 256 KiB."),
          Field("write_buffer_size", &GrpcServerConfig::write_buffer_size,
                "Not needed: sized by what is sent."),
          Field("keepalive", &GrpcServerConfig::keepalive, KeepaliveTable(),
                "Age, idleness and PINGs of connections."),
      },
      CheckGrpc);
  return table;
}

const Table<HttpServerConfig>& HttpServerTable() {
  static const Table<CorsConfig> cors = {
      Field("allowed_origins", &CorsConfig::allowed_origins,
            "Origins that browsers may send from; * stands for anything."),
      Field("allowed_headers", &CorsConfig::allowed_headers,
            "Headers that browsers may send, besides the usual."),
      Field("exposed_headers", &CorsConfig::exposed_headers, "Response headers scripts may read."),
      Field("max_age", &CorsConfig::max_age, "Seconds that a preflight answer holds.").Min(0),
  };
  static const Table<HttpServerConfig> table(
      {
          config::Squash(&HttpServerConfig::listen, ListenTable()),
          Field("max_request_body_size", &HttpServerConfig::max_request_body_size,
                "Largest body in bytes, compressed or not; 0: 20 MiB."),
          Field("compression_algorithms", &HttpServerConfig::compression_algorithms,
                "Content-Encodings that are taken; an empty list: bodies are taken as they are."),
          Field("cors", &HttpServerConfig::cors, cors, "Requests from browsers."),
          Field("response_headers", &HttpServerConfig::response_headers, "Set on every response."),
          Field("read_timeout", &HttpServerConfig::read_timeout, "For a whole request; 0: none.")
              .Min(0),
          Field("read_header_timeout", &HttpServerConfig::read_header_timeout,
                "For the header of a request; 0: read_timeout.")
              .Min(0),
          Field("write_timeout", &HttpServerConfig::write_timeout,
                "From the end of the header to the end of the response; 0: none.")
              .Min(0),
          Field("idle_timeout", &HttpServerConfig::idle_timeout,
                "Between requests of a connection; 0: read_timeout.")
              .Min(0),
          Field("keep_alives_enabled", &HttpServerConfig::keep_alives_enabled,
                "Several requests per connection."),
      },
      CheckHttp);
  return table;
}

size_t MaxMessageBytes(const GrpcServerConfig& config) {
  const int64_t mib =
      config.max_recv_msg_size_mib > 0 ? config.max_recv_msg_size_mib : kDefaultGrpcMiB;
  return static_cast<size_t>(mib * kMiB);
}

size_t MaxBodyBytes(const HttpServerConfig& config) {
  return static_cast<size_t>(config.max_request_body_size > 0 ? config.max_request_body_size
                                                              : kDefaultHttpBytes);
}

Result<net::HttpServerOptions> MakeServerOptions(const GrpcServerConfig& config) {
  ASSIGN_OR_RETURN(net::HttpServerOptions options, ListenOptions(config.listen, {"h2"}));
  options.http1 = false;
  options.max_body_bytes = MaxMessageBytes(config);
  if (config.read_buffer_size > 0) {
    // Beyond this, reading more at once saves nothing.
    constexpr int64_t kLargestBuffer = 256 * 1024;
    options.stream.read_buffer_bytes =
        static_cast<size_t>(std::min(config.read_buffer_size, kLargestBuffer));
  }
  net::Http2ServerOptions& http2 = options.http2_options;
  http2.max_concurrent_streams =
      config.max_concurrent_streams > 0 ? config.max_concurrent_streams : kDefaultStreams;
  http2.enforce_pings = true;
  if (!config.keepalive) {
    return options;
  }
  if (const auto& parameters = config.keepalive->server_parameters) {
    http2.max_connection_idle = parameters->max_connection_idle;
    http2.max_connection_age = parameters->max_connection_age;
    http2.max_connection_age_grace = parameters->max_connection_age_grace;
    SetIfGiven(http2.ping_after, parameters->time);
    SetIfGiven(http2.ping_timeout, parameters->timeout);
  }
  if (const auto& enforcement = config.keepalive->enforcement_policy) {
    SetIfGiven(http2.min_ping_interval, enforcement->min_time);
    http2.permit_pings_without_stream = enforcement->permit_without_stream;
  }
  return options;
}

Result<net::HttpServerOptions> MakeServerOptions(const HttpServerConfig& config) {
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  ASSIGN_OR_RETURN(net::HttpServerOptions options, ListenOptions(config.listen, std::move(alpn)));
  options.http2_plain = false;
  options.max_body_bytes = MaxBodyBytes(config);
  net::Http1ServerOptions& http1 = options.http1_options;
  http1.keep_alives = config.keep_alives_enabled;
  http1.read_timeout = config.read_timeout;
  http1.read_header_timeout = config.read_header_timeout;
  http1.write_timeout = config.write_timeout;
  http1.idle_timeout = config.idle_timeout;
  options.http2_options.max_connection_idle = config.idle_timeout;
  return options;
}

}  // namespace gapless::endpoint
