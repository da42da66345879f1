#include "service/config/telemetry_config.h"

#include "endpoint/target.h"

#include <algorithm>

#include <fmt/format.h>
#include <fnmatch.h>
#include <strings.h>

namespace gapless::service {
namespace {

using config::Checker;
using config::Enum;
using config::Field;
using config::Node;
using config::Table;
using telemetry::LogLevel;
using telemetry::MetricLevel;

constexpr std::string_view kDefaultMetricsAddress = ":8888";

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& text) {
  return std::ranges::any_of(patterns, [&text](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  });
}

// Upstream's deprecated `address: host:port`.
Result<PrometheusConfig> FromAddress(const std::string& address) {
  ASSIGN_OR_RETURN(const net::HostPort parsed,
                   net::HostPort::Parse(address.empty() ? kDefaultMetricsAddress : address));
  PrometheusConfig config;
  config.host = parsed.host;
  config.port = parsed.port;
  return config;
}

void CheckOtlp(const OtlpReaderConfig& otlp, Checker& checker) {
  if (otlp.endpoint.empty()) {
    checker.Fail("endpoint", "requires a non-empty \"endpoint\"");
  }
  if (otlp.timeout < 0) {
    checker.Fail("timeout", "must not be negative (milliseconds)");
  }
  if (otlp.client_certificate.empty() != otlp.client_key.empty()) {
    checker.Fail("client_certificate", "client_certificate and client_key go together");
  }
  if (otlp.compression != "none" && otlp.compression != "gzip") {
    checker.Fail("compression",
                 fmt::format("unsupported compression \"{}\": gzip or none", otlp.compression));
  }
  if (otlp.temporality_preference != Temporality::kCumulative) {
    checker.Warn("temporality_preference", "own metrics are always sent cumulative");
  }
  if (!otlp.default_histogram_aggregation.empty() &&
      otlp.default_histogram_aggregation != "explicit_bucket_histogram") {
    checker.Warn("default_histogram_aggregation", "own histograms have explicit buckets");
  }
}

void CheckPeriodic(const PeriodicReader& reader, Checker& checker) {
  if (reader.interval <= 0 || reader.timeout <= 0) {
    checker.Fail(reader.interval <= 0 ? "interval" : "timeout", "must be positive (milliseconds)");
  }
  if (!reader.exporter.console.is_null()) {
    checker.Warn("exporter::console",
                 "own metrics are not written to the console: use a pull "
                 "reader, or otlp");
  } else if (!reader.exporter.otlp) {
    checker.Fail("exporter", "no valid metric exporter: expected otlp");
  }
}

void CheckReader(const MetricsReader& reader, Checker& checker) {
  if (reader.pull && reader.periodic) {
    checker.Fail("", "must not specify both a pull and a periodic reader");
  } else if (!reader.pull && !reader.periodic) {
    checker.Fail("", "no valid metric reader: expected pull or periodic");
  } else if (reader.pull && !reader.pull->exporter.prometheus) {
    checker.Fail("pull", "no valid metric exporter: expected exporter::prometheus");
  }
}

void CheckMetrics(const MetricsConfig& metrics, Checker& checker) {
  if (metrics.level != MetricLevel::kNone && metrics.readers.empty() && !metrics.address) {
    checker.Fail("readers",
                 "collector telemetry metrics reader should exist when metric level is not none");
  }
  if (metrics.address) {
    if (const auto parsed = FromAddress(*metrics.address); !parsed.ok()) {
      checker.Fail("address", parsed.status().message());
    }
  }
  if (!metrics.views.list().empty() && metrics.level != MetricLevel::kDetailed) {
    checker.Fail("views",
                 "service::telemetry::metrics::views can only be set when "
                 "service::telemetry::metrics::level is detailed");
  } else if (!metrics.views.is_null()) {
    checker.Warn("views", "views have no effect: what is exposed follows from level");
  }
}

void CheckLogs(const LogsConfig& logs, Checker& checker) {
  if (!logs.processors.list().empty()) {
    checker.Warn("processors", "own logs are written to output_paths only, not exported");
  }
}

// The written attributes in order; nullopt: remove. Problems go to `fail`.
template <typename Fail>
std::vector<std::pair<std::string, std::optional<std::string>>> ReadResource(const Node& resource,
                                                                             Fail fail) {
  std::vector<std::pair<std::string, std::optional<std::string>>> attributes;
  const auto add = [&](const std::string& name, const Node& value) {
    if (value.is_null()) {
      attributes.emplace_back(name, std::nullopt);
    } else if (value.is_scalar()) {
      attributes.emplace_back(name, value.text());
    } else {
      fail(fmt::format("attribute \"{}\" must be a scalar", name));
    }
  };
  if (!resource.is_null() && !resource.is_map()) {
    fail("expected a map");
    return attributes;
  }
  const Node* list = resource.Find("attributes");
  const bool listed = list != nullptr && list->is_list();
  for (const config::MapEntry& entry : resource.map()) {
    if (entry.key == "schema_url" || entry.key == "detectors" ||
        entry.key == "detection/development" || (listed && entry.key == "attributes")) {
      continue;
    }
    if (listed) {
      fail(
          fmt::format("resource::attributes cannot be used together with legacy inline resource "
                      "attributes: move \"{}\" into the list",
                      entry.key));
    }
    add(entry.key, entry.value);
  }
  for (const Node& item : listed ? list->list() : std::vector<Node>()) {
    const Node* name = item.Find("name");
    const Node* value = item.Find("value");
    if (name == nullptr || !name->is_string() || value == nullptr) {
      fail("an item of `attributes` is {name: …, value: …}");
      continue;
    }
    add(name->text(), *value);
  }
  return attributes;
}

void CheckTelemetry(const TelemetryConfig& config, Checker& checker) {
  ReadResource(config.resource,
               [&checker](const std::string& problem) { checker.Fail("resource", problem); });
  constexpr std::string_view kLevels[] = {"none", "basic", "normal", "detailed"};
  const Node* level = config.traces.Find("level");
  if (level != nullptr && std::ranges::none_of(kLevels, [level](std::string_view name) {
        return ::strncasecmp(name.data(), level->text().c_str(), name.size() + 1) == 0;
      })) {
    checker.Fail("traces::level", fmt::format("unknown metrics level \"{}\"", level->text()));
  }
  const Node* processors = config.traces.Find("processors");
  if (processors != nullptr && !processors->list().empty()) {
    checker.Warn("traces", "own traces are not recorded: gapless does not trace itself");
  }
}

const Table<LogsConfig>& LogsTable() {
  static const Table<LogSampling> sampling = {
      Field("tick", &LogSampling::tick, "Window."),
      Field("initial", &LogSampling::initial, "Lines of one text per window that are written."),
      Field("thereafter", &LogSampling::thereafter, "Then every so many; 0: none."),
  };
  static const Table<LogsConfig> table(
      {
          Field("level", &LogsConfig::level,
                Enum<LogLevel>({{"debug", LogLevel::kDebug},
                                {"info", LogLevel::kInfo},
                                {"warn", LogLevel::kWarn},
                                {"error", LogLevel::kError},
                                {"dpanic", LogLevel::kFatal},
                                {"panic", LogLevel::kFatal},
                                {"fatal", LogLevel::kFatal}},
                               {.refusal = "unrecognized level:", .ignore_case = true}),
                "Least level that is written."),
          Field("encoding", &LogsConfig::json, Enum<bool>({{"console", false}, {"json", true}}),
                "console or json."),
          Field("development", &LogsConfig::development, "No effect."),
          Field("disable_caller", &LogsConfig::disable_caller, "Leave out file and line."),
          Field("disable_stacktrace", &LogsConfig::disable_stacktrace,
                "There are no stack traces, either way."),
          Field("disable_zap_resource", &LogsConfig::disable_zap_resource,
                "Leave out the field resource."),
          Field("sampling", &LogsConfig::sampling, sampling, "A brake for repeated lines."),
          Field("output_paths", &LogsConfig::output_paths, "stdout, stderr or files."),
          Field("error_output_paths", &LogsConfig::error_output_paths,
                "Not needed: the log has no errors of its own to write elsewhere."),
          Field("initial_fields", &LogsConfig::initial_fields, "Fields of every line."),
          Field("processors", &LogsConfig::processors, "Own logs are not exported."),
      },
      CheckLogs);
  return table;
}

const Table<PullExporter>& PullExporterTable() {
  static const Table<ResourceLabels> resource_labels = {
      Field("included", &ResourceLabels::included, "Patterns of attributes that become labels."),
      Field("excluded", &ResourceLabels::excluded, "Patterns of attributes that do not."),
  };
  static const Table<PrometheusConfig> prometheus = {
      Field("host", &PrometheusConfig::host, "Address to listen on."),
      Field("port", &PrometheusConfig::port, "Port to listen on."),
      Field("without_scope_info", &PrometheusConfig::without_scope_info, "No scope labels."),
      Field("without_units", &PrometheusConfig::without_units, "No unit suffixes."),
      Field("without_type_suffix", &PrometheusConfig::without_type_suffix, "No _total."),
      Field("with_resource_constant_labels", &PrometheusConfig::with_resource_constant_labels,
            resource_labels, "Resource attributes as labels of every series."),
      Field("allowed_hosts", &PrometheusConfig::allowed_hosts,
            "More names that the Host header may have; \"*\": all."),
  };
  static const Table<PullExporter> table = {
      Field("prometheus", &PullExporter::prometheus, prometheus, "Prometheus text on /metrics.")};
  return table;
}

const Table<OtlpReaderConfig>& OtlpReaderTable() {
  static const Table<OtlpReaderConfig> table(
      {
          Field("protocol", &OtlpReaderConfig::protocol,
                Enum<OtlpProtocol>({{"grpc", OtlpProtocol::kGrpc},
                                    {"grpc/protobuf", OtlpProtocol::kGrpc},
                                    {"http/protobuf", OtlpProtocol::kHttp}},
                                   {.refusal = "unsupported protocol"}),
                "grpc or http/protobuf."),
          Field("endpoint", &OtlpReaderConfig::endpoint,
                "host:port or URL; without a scheme https, or http if insecure."),
          Field("headers", &OtlpReaderConfig::headers, "Sent with every request."),
          Field("compression", &OtlpReaderConfig::compression, "gzip or none."),
          Field("timeout", &OtlpReaderConfig::timeout, "Of one request, milliseconds."),
          Field("insecure", &OtlpReaderConfig::insecure, "No TLS if the endpoint has no scheme."),
          Field("certificate", &OtlpReaderConfig::certificate, "CA file."),
          Field("client_certificate", &OtlpReaderConfig::client_certificate, "Own certificate."),
          Field("client_key", &OtlpReaderConfig::client_key, "Its key."),
          Field("temporality_preference", &OtlpReaderConfig::temporality_preference,
                Enum<Temporality>({{"cumulative", Temporality::kCumulative},
                                   {"delta", Temporality::kDelta},
                                   {"lowmemory", Temporality::kLowMemory}},
                                  {.refusal = "unsupported temporality"}),
                "cumulative; others are read without effect."),
          Field("default_histogram_aggregation", &OtlpReaderConfig::default_histogram_aggregation,
                "explicit_bucket_histogram; others are read without effect."),
      },
      CheckOtlp);
  return table;
}

}  // namespace

const Table<MetricsReader>& MetricsReaderTable() {
  static const Table<PullReader> pull = {
      Field("exporter", &PullReader::exporter, PullExporterTable(), "What is served.")};
  static const Table<PeriodicExporter> periodic_exporter = {
      Field("otlp", &PeriodicExporter::otlp, OtlpReaderTable(), "OTLP to a collector or backend."),
      Field("console", &PeriodicExporter::console, "Read, writes nothing."),
  };
  static const Table<PeriodicReader> periodic(
      {
          Field("interval", &PeriodicReader::interval, "Between two pushes, milliseconds."),
          Field("timeout", &PeriodicReader::timeout, "Of a push, milliseconds."),
          Field("exporter", &PeriodicReader::exporter, periodic_exporter, "Where to."),
      },
      CheckPeriodic);
  static const Table<MetricsReader> table(
      {
          Field("pull", &MetricsReader::pull, pull, "Serves metrics."),
          Field("periodic", &MetricsReader::periodic, periodic, "Sends metrics."),
      },
      CheckReader);
  return table;
}

namespace {

const Table<MetricsConfig>& MetricsTable() {
  static const Table<MetricsConfig> table(
      {
          Field("level", &MetricsConfig::level,
                Enum<MetricLevel>({{"none", MetricLevel::kNone},
                                   {"basic", MetricLevel::kBasic},
                                   {"normal", MetricLevel::kNormal},
                                   {"detailed", MetricLevel::kDetailed}},
                                  {.refusal = "unknown metrics level", .ignore_case = true}),
                "How much is exposed."),
          Field("readers", &MetricsConfig::readers, MetricsReaderTable(), "Where metrics go."),
          config::FieldOf<MetricsConfig>(
              Field("address", &MetricsConfig::address, "host:port of the metrics server."))
              .Deprecated("use readers: [{pull: {exporter: {prometheus: {host, port}}}}]"),
          Field("views", &MetricsConfig::views, "Read without effect."),
          config::Written(&MetricsConfig::written),
      },
      CheckMetrics);
  return table;
}

}  // namespace

bool ResourceLabels::Takes(const std::string& attribute) const {
  return included && !MatchesAny(excluded, attribute) &&
         (included->empty() || MatchesAny(*included, attribute));
}

std::string PrometheusConfig::Endpoint() const {
  return net::HostPort{.host = host, .port = port}.ToString();
}

std::vector<MetricsReader> MetricsConfig::WantedReaders() const {
  if (level == MetricLevel::kNone) {
    return {};
  }
  std::vector<MetricsReader> wanted = readers;
  if (address) {
    if (!written.IsSet("readers")) {
      wanted.clear();
    }
    wanted.push_back(
        {.pull = PullReader{.exporter = {.prometheus = *FromAddress(*address)}}, .periodic = {}});
  }
  return wanted;
}

telemetry::Labels TelemetryConfig::Resource(const telemetry::Labels& defaults) const {
  telemetry::Labels labels = defaults;
  for (auto& [name, value] : ReadResource(resource, [](const std::string&) {})) {
    std::erase_if(labels, [&name](const auto& label) { return label.first == name; });
    if (value) {
      labels.emplace_back(std::move(name), *std::move(value));
    }
  }
  return labels;
}

const Table<TelemetryConfig>& TelemetryTable() {
  static const Table<TelemetryConfig> table(
      {
          Field("logs", &TelemetryConfig::logs, LogsTable(), "Our own log."),
          Field("metrics", &TelemetryConfig::metrics, MetricsTable(), "Our own metrics."),
          Field("traces", &TelemetryConfig::traces, "Own traces: none are recorded."),
          Field("resource", &TelemetryConfig::resource, "Attributes of this process."),
      },
      CheckTelemetry);
  return table;
}

}  // namespace gapless::service
