// Configuration of the otlp receiver; upstream: receiver/otlpreceiver.
#pragma once

#include "endpoint/server.h"

#include <string>

namespace gapless::otlp_receiver {

struct HttpConfig {
  HttpConfig() { server.listen.endpoint = "localhost:4318"; }

  endpoint::HttpServerConfig server;
  // With a leading '/' (added if missing).
  std::string traces_url_path = "/v1/traces";
  std::string metrics_url_path = "/v1/metrics";
  std::string logs_url_path = "/v1/logs";
  bool operator==(const HttpConfig&) const = default;
};

struct GrpcConfig {
  GrpcConfig() { server.listen.endpoint = "localhost:4317"; }

  endpoint::GrpcServerConfig server;
  // Ours: services for those who probe, and who explore.
  bool health_service = false;
  bool reflection_service = false;
  bool operator==(const GrpcConfig&) const = default;
};

struct Protocols {
  config::Section<GrpcConfig> grpc;
  config::Section<HttpConfig> http;
  bool operator==(const Protocols&) const = default;
};

struct Config {
  Protocols protocols;
  bool operator==(const Config&) const = default;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::otlp_receiver
