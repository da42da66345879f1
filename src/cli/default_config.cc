#include "cli/default_config.h"

#include <cstdio>

namespace gapless::cli {
namespace {

constexpr const char* kDefaultConfig = R"(yaml:
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: localhost:4317
      http:
        endpoint: localhost:4318
exporters:
  otlp/primary:
    endpoint: ${env:GAPLESS_PRIMARY:-localhost:14317}
    tls:
      insecure: true
  file/secondary:
    path: ${env:GAPLESS_FILE:-gapless-data/otlp.jsonl}
    create_directory: true
    rotation:
      max_megabytes: 100
      max_backups: 10
connectors:
  failover:
    priority_levels:
      - [otlp/primary]
      - [file/secondary]
    retry_interval: 5s
service:
  pipelines:
    traces/ingress: {receivers: [otlp], exporters: [failover]}
    traces/primary: {receivers: [failover], exporters: [otlp/primary]}
    traces/secondary: {receivers: [failover], exporters: [file/secondary]}
    metrics/ingress: {receivers: [otlp], exporters: [failover]}
    metrics/primary: {receivers: [failover], exporters: [otlp/primary]}
    metrics/secondary: {receivers: [failover], exporters: [file/secondary]}
    logs/ingress: {receivers: [otlp], exporters: [failover]}
    logs/primary: {receivers: [failover], exporters: [otlp/primary]}
    logs/secondary: {receivers: [failover], exporters: [file/secondary]}
)";

}  // namespace

std::string DefaultConfig() { return kDefaultConfig; }

void PrintDefaultHint() {
  std::fputs(
      "gapless listens for OTLP on localhost:4317 (gRPC) and localhost:4318 (HTTP).\n"
      "Data goes to ${GAPLESS_PRIMARY:-localhost:14317}; while that is away, to the file "
      "${GAPLESS_FILE:-gapless-data/otlp.jsonl}.\n"
      "Next: `./run demo` shows an outage, `./run --config my.yaml` runs your own configuration.\n",
      stderr);
}

}  // namespace gapless::cli
