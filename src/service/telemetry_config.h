// service.telemetry: our own logs and metrics.
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

struct PrometheusConfig {
  std::string host = "localhost";
  uint16_t port = 8888;
  bool without_scope_info = true;
  bool without_units = true;
  bool without_type_suffix = true;
  config::Node with_resource_constant_labels;
};

struct PullExporter {
  std::optional<PrometheusConfig> prometheus;
};
struct PullReader {
  PullExporter exporter;
};
struct MetricsReader {
  std::optional<PullReader> pull;
  config::Node periodic;
};

struct MetricsConfig {
  telemetry::MetricLevel level = telemetry::MetricLevel::kNormal;
  std::vector<MetricsReader> readers = {
      {.pull = PullReader{.exporter = {.prometheus = PrometheusConfig()}}, .periodic = {}}};
  std::optional<std::string> address;
  config::Node views;
};

struct TelemetryConfig {
  LogsConfig logs;
  MetricsConfig metrics;
  config::Node traces;
  std::map<std::string, config::Node> resource;
};

const config::Table<TelemetryConfig>& TelemetryTable();

}  // namespace gapless::service
