#include "receiver/otlp/config.h"

#include "fmt/format.h"

#include <algorithm>
#include <string_view>

namespace gapless::otlp_receiver {
namespace {

using config::Field;
using config::Table;

void CheckPath(std::string_view key, const std::string& path, std::string_view signal,
               config::Checker& checker) {
  const bool visible =
      std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '%'; });
  if (path.empty() || !visible || path.contains('?') || path.contains('#')) {
    checker.Fail(key,
                 fmt::format("invalid HTTP URL path set for signal: {}: \"{}\"", signal, path));
  }
}

void CheckHttp(const HttpConfig& http, config::Checker& checker) {
  CheckPath("traces_url_path", http.traces_url_path, "traces", checker);
  CheckPath("metrics_url_path", http.metrics_url_path, "metrics", checker);
  CheckPath("logs_url_path", http.logs_url_path, "logs", checker);
}

void CheckProtocols(const Protocols& protocols, config::Checker& checker) {
  if (!protocols.grpc && !protocols.http) {
    checker.Fail("", "must specify at least one protocol when using the OTLP receiver");
  }
}

}  // namespace

const Table<Config>& ConfigTable() {
  static const Table<HttpConfig> http(
      {
          config::Squash(&HttpConfig::server, endpoint::HttpServerTable()),
          Field("traces_url_path", &HttpConfig::traces_url_path, "Where traces are taken."),
          Field("metrics_url_path", &HttpConfig::metrics_url_path, "Where metrics are taken."),
          Field("logs_url_path", &HttpConfig::logs_url_path, "Where logs are taken."),
      },
      CheckHttp);
  static const Table<GrpcConfig> grpc = {
      config::Squash(&GrpcConfig::server, endpoint::GrpcServerTable()),
      Field("health_service", &GrpcConfig::health_service,
            "Serve grpc.health.v1.Health: Check and Watch."),
      Field("reflection_service", &GrpcConfig::reflection_service,
            "Serve server reflection, v1 and v1alpha."),
  };
  static const Table<Protocols> protocols(
      {
          Field("grpc", &Protocols::grpc, grpc, "OTLP/gRPC."),
          Field("http", &Protocols::http, http, "OTLP/HTTP, protobuf and JSON."),
      },
      CheckProtocols);
  static const Table<Config> table = {
      Field("protocols", &Config::protocols, protocols, "At least one of grpc and http."),
  };
  return table;
}

}  // namespace gapless::otlp_receiver
