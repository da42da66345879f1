#include "otlp/signal.h"

namespace gapless::otlp {
namespace {

constexpr std::array<SignalNames, 3> kNames = {{
    {.name = "traces",
     .item = "spans",
     .title = "Traces",
     .http_path = "/v1/traces",
     .grpc_path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
     .grpc_service = "opentelemetry.proto.collector.trace.v1.TraceService"},
    {.name = "metrics",
     .item = "metric_points",
     .title = "Metrics",
     .http_path = "/v1/metrics",
     .grpc_path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
     .grpc_service = "opentelemetry.proto.collector.metrics.v1.MetricsService"},
    {.name = "logs",
     .item = "log_records",
     .title = "Logs",
     .http_path = "/v1/logs",
     .grpc_path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
     .grpc_service = "opentelemetry.proto.collector.logs.v1.LogsService"},
}};

}  // namespace

const SignalNames& Names(Signal signal) { return kNames[static_cast<size_t>(signal)]; }

std::optional<Signal> ParseSignal(std::string_view name) {
  for (const Signal signal : kSignals) {
    if (Names(signal).name == name) {
      return signal;
    }
  }
  return std::nullopt;
}

}  // namespace gapless::otlp
