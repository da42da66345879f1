// service.telemetry: our own logs and metrics. Keys and defaults are upstream's (otelconf 0.3).
#pragma once

#include "config/fields.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gapless::service {

struct LogSampling {
  Duration tick = std::chrono::seconds(10);
  uint32_t initial = 10;
  uint32_t thereafter = 100;
};

struct LogsConfig {
  telemetry::LogLevel level = telemetry::LogLevel::kInfo;
  bool json = false;
  bool development = false;
  bool disable_caller = false;
  bool disable_stacktrace = false;
  bool disable_zap_resource = false;
  config::Section<LogSampling> sampling = config::Section<LogSampling>::On();
  std::vector<std::string> output_paths = {"stderr"};
  std::vector<std::string> error_output_paths = {"stderr"};
  std::map<std::string, config::Node> initial_fields;
  config::Node processors;
};

// Which resource attributes become labels of every series: shell patterns. Without `included` none.
struct ResourceLabels {
  std::optional<std::vector<std::string>> included;
  std::vector<std::string> excluded;

  bool Takes(const std::string& attribute) const;
};

struct PrometheusConfig {
  std::string host = "localhost";
  uint16_t port = 8888;
  bool without_scope_info = true;
  bool without_units = true;
  bool without_type_suffix = true;
  ResourceLabels with_resource_constant_labels;
  std::vector<std::string> allowed_hosts;

  // host:port, an IPv6 host in brackets.
  std::string Endpoint() const;
};

enum class OtlpProtocol : uint8_t { kGrpc, kHttp };
enum class Temporality : uint8_t { kCumulative, kDelta, kLowMemory };

// Durations of readers are milliseconds, as upstream's.
struct OtlpReaderConfig {
  OtlpProtocol protocol = OtlpProtocol::kGrpc;
  std::string endpoint;
  config::HeaderMap headers;
  std::string compression = "none";
  int64_t timeout = 10'000;
  bool insecure = false;
  std::string certificate;
  std::string client_certificate;
  std::string client_key;
  Temporality temporality_preference = Temporality::kCumulative;
  std::string default_histogram_aggregation;
};

struct PeriodicExporter {
  std::optional<OtlpReaderConfig> otlp;
  config::Node console;
};
struct PeriodicReader {
  int64_t interval = 60'000;
  int64_t timeout = 30'000;
  PeriodicExporter exporter;
};
struct PullExporter {
  std::optional<PrometheusConfig> prometheus;
};
struct PullReader {
  PullExporter exporter;
};
struct MetricsReader {
  std::optional<PullReader> pull;
  std::optional<PeriodicReader> periodic;
};
const config::Table<MetricsReader>& MetricsReaderTable();

struct MetricsConfig {
  telemetry::MetricLevel level = telemetry::MetricLevel::kNormal;
  std::vector<MetricsReader> readers = {
      {.pull = PullReader{.exporter = {.prometheus = PrometheusConfig()}}, .periodic = {}}};
  std::optional<std::string> address;
  config::Node views;
  config::WrittenKeys written;

  // What is to run: no reader at level none; `address`, the old way, instead of the default reader
  // or beside those that are written.
  std::vector<MetricsReader> WantedReaders() const;
};

struct TelemetryConfig {
  LogsConfig logs;
  MetricsConfig metrics;
  config::Node traces;
  config::Node resource;

  // `defaults` with what the configuration adds, replaces, or, by null, removes.
  telemetry::Labels Resource(const telemetry::Labels& defaults) const;
};

const config::Table<TelemetryConfig>& TelemetryTable();

}  // namespace gapless::service
