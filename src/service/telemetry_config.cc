#include "service/telemetry_config.h"

namespace gapless::service {
namespace {

using config::Checker;
using config::Enum;
using config::Field;
using config::Table;
using telemetry::LogLevel;
using telemetry::MetricLevel;

void CheckMetrics(const MetricsConfig& metrics, Checker& checker) {
  if (metrics.level != MetricLevel::kNone && metrics.readers.empty() && !metrics.address) {
    checker.Fail("readers",
                 "collector telemetry metrics reader should exist when metric level is not none");
  }
  for (const MetricsReader& reader : metrics.readers) {
    if (!reader.periodic.is_null()) {
      checker.Warn("readers", "periodic readers are not there yet: this one sends nothing");
    } else if (!reader.pull || !reader.pull->exporter.prometheus) {
      checker.Fail("readers", "a reader needs pull::exporter::prometheus");
    }
  }
}

const Table<LogsConfig>& LogsTable() {
  static const Table<LogSampling> sampling = {
      Field("tick", &LogSampling::tick, "Window."),
      Field("initial", &LogSampling::initial, "Lines of one text per window that are written."),
      Field("thereafter", &LogSampling::thereafter, "Then every so many; 0: none."),
  };
  static const Table<LogsConfig> table = {
      Field("level", &LogsConfig::level,
            Enum<LogLevel>({{"debug", LogLevel::kDebug},
                            {"info", LogLevel::kInfo},
                            {"warn", LogLevel::kWarn},
                            {"error", LogLevel::kError},
                            {"dpanic", LogLevel::kFatal},
                            {"panic", LogLevel::kFatal},
                            {"fatal", LogLevel::kFatal}},
                           {.ignore_case = true}),
            "Least level that is written."),
      Field("encoding", &LogsConfig::json, Enum<bool>({{"console", false}, {"json", true}}),
            "console or json."),
      Field("development", &LogsConfig::development, "Accepted."),
      Field("disable_caller", &LogsConfig::disable_caller, "Leave out file and line."),
      Field("disable_stacktrace", &LogsConfig::disable_stacktrace, "Accepted: there are none."),
      Field("disable_zap_resource", &LogsConfig::disable_zap_resource,
            "Leave out the field resource."),
      Field("sampling", &LogsConfig::sampling, sampling, "A brake for repeated lines."),
      Field("output_paths", &LogsConfig::output_paths, "stdout, stderr or files."),
      Field("error_output_paths", &LogsConfig::error_output_paths, "Accepted."),
      Field("initial_fields", &LogsConfig::initial_fields, "Fields of every line."),
      Field("processors", &LogsConfig::processors, "Accepted; own logs are not exported yet."),
  };
  return table;
}

const Table<MetricsConfig>& MetricsTable() {
  static const Table<PrometheusConfig> prometheus = {
      Field("host", &PrometheusConfig::host, "Address to listen on."),
      Field("port", &PrometheusConfig::port, "Port to listen on."),
      Field("without_scope_info", &PrometheusConfig::without_scope_info, "No scope labels."),
      Field("without_units", &PrometheusConfig::without_units, "No unit suffixes."),
      Field("without_type_suffix", &PrometheusConfig::without_type_suffix, "No _total."),
      Field("with_resource_constant_labels", &PrometheusConfig::with_resource_constant_labels,
            "Accepted."),
  };
  static const Table<PullExporter> pull_exporter = {
      Field("prometheus", &PullExporter::prometheus, prometheus, "Prometheus text on /metrics.")};
  static const Table<PullReader> pull = {
      Field("exporter", &PullReader::exporter, pull_exporter, "What is served.")};
  static const Table<MetricsReader> reader = {
      Field("pull", &MetricsReader::pull, pull, "Serves metrics."),
      Field("periodic", &MetricsReader::periodic, "Accepted; not there yet."),
  };
  static const Table<MetricsConfig> table(
      {
          Field("level", &MetricsConfig::level,
                Enum<MetricLevel>({{"none", MetricLevel::kNone},
                                   {"basic", MetricLevel::kBasic},
                                   {"normal", MetricLevel::kNormal},
                                   {"detailed", MetricLevel::kDetailed}},
                                  {.ignore_case = true}),
                "How much is exposed."),
          Field("readers", &MetricsConfig::readers, reader, "Where metrics go."),
          config::FieldOf<MetricsConfig>(
              Field("address", &MetricsConfig::address, "host:port of the metrics server."))
              .Deprecated("use readers: [{pull: {exporter: {prometheus: {host, port}}}}]"),
          Field("views", &MetricsConfig::views, "Accepted."),
      },
      CheckMetrics);
  return table;
}

}  // namespace

const Table<TelemetryConfig>& TelemetryTable() {
  static const Table<TelemetryConfig> table = {
      Field("logs", &TelemetryConfig::logs, LogsTable(), "Our own log."),
      Field("metrics", &TelemetryConfig::metrics, MetricsTable(), "Our own metrics."),
      Field("traces", &TelemetryConfig::traces, "Accepted; gapless does not trace itself."),
      Field("resource", &TelemetryConfig::resource, "Attributes of this process."),
  };
  return table;
}

}  // namespace gapless::service
