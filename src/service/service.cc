#include "service/service.h"

#include "base/clock.h"
#include "base/rng.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

constexpr Duration kHealthInterval = std::chrono::seconds(1);

// A random UUID, version 4.
std::string NewInstanceId() {
  Rng rng(RandomSeed());
  const uint64_t high = (rng.Next() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (rng.Next() >> 2) | (uint64_t{1} << 63);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffff);
}

config::Node PrintMetrics(const TelemetryConfig& config) {
  return *config::Print(TelemetryTable(), config, config::Secrets::kRevealed).Find("metrics");
}

// Upstream's deprecated `address: host:port`, as a reader.
PrometheusConfig FromAddress(const std::string& address) {
  PrometheusConfig config;
  const size_t colon = address.rfind(':');
  if (colon != std::string::npos) {
    config.host = address.substr(0, colon);
    config.port = static_cast<uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10));
  }
  return config;
}

}  // namespace

Service::Service(ServiceOptions options)
    : options_(std::move(options)),
      instance_id_(NewInstanceId()),
      core_(std::make_shared<telemetry::LogCore>()),
      log_(core_),
      process_metrics_(
          std::make_unique<telemetry::ProcessMetrics>(registry_, MonotonicNow(), MonotonicNow)) {}

Service::~Service() {
  health_timer_.Cancel();
  collector_.reset();
  metrics_server_.reset();
}

Status Service::Start() {
  auto loaded = Load(options_.resolve, options_.sources, options_.factories);
  if (!loaded.ok()) {
    core_->FlushToStderr();
    return loaded.status();
  }
  RETURN_IF_ERROR(SetUpLogs(loaded->config.telemetry));
  log_.Info(fmt::format("Starting {}...", options_.command),
            {{"Version", options_.version}, {"NumCPU", options_.workers.size()}});
  LogWarnings(*loaded);
  RETURN_IF_ERROR(SetUpMetrics(loaded->config.telemetry));
  collector_ = std::make_unique<Collector>(Collector::Options{.factories = options_.factories,
                                                              .workers = options_.workers,
                                                              .log = log_,
                                                              .metrics = registry_});
  if (Status status = collector_->Start(std::move(loaded->config), std::move(loaded->plan));
      !status.ok()) {
    return status.Annotate("cannot start pipelines");
  }
  WatchHealth();
  log_.Info("Everything is ready. Begin running and processing data.");
  return OkStatus();
}

Status Service::SetUpLogs(const TelemetryConfig& config) {
  const LogsConfig& logs = config.logs;
  telemetry::LogOptions options;
  options.level = logs.level;
  options.encoding = logs.json ? telemetry::LogOptions::Encoding::kJson
                               : telemetry::LogOptions::Encoding::kConsole;
  options.output_paths = logs.output_paths;
  options.disable_caller = logs.disable_caller;
  options.sampling = {.enabled = logs.sampling.enabled,
                      .tick = logs.sampling->tick,
                      .initial = logs.sampling->initial,
                      .thereafter = logs.sampling->thereafter};
  for (const auto& [key, value] : logs.initial_fields) {
    options.initial_fields.push_back({.key = key, .value = value.text()});
  }
  if (!logs.disable_zap_resource) {
    options.resource = {{"service.instance.id", instance_id_},
                        {"service.name", options_.command},
                        {"service.version", options_.version}};
  }
  return core_->Configure(std::move(options)).Annotate("service::telemetry::logs");
}

Status Service::SetUpMetrics(const TelemetryConfig& config) {
  const config::Node printed = PrintMetrics(config);
  if (metrics_server_ && printed == metrics_config_) {
    return OkStatus();
  }
  metrics_config_ = printed;
  metrics_server_.reset();
  registry_.set_level(config.metrics.level);
  if (config.metrics.level == telemetry::MetricLevel::kNone) {
    return OkStatus();
  }
  std::optional<PrometheusConfig> prometheus;
  if (config.metrics.address) {
    prometheus = FromAddress(*config.metrics.address);
  }
  for (const MetricsReader& reader : config.metrics.readers) {
    if (!prometheus && reader.pull) {
      prometheus = reader.pull->exporter.prometheus;
    }
  }
  if (!prometheus) {
    return OkStatus();
  }
  auto server = MetricsServer::Open(*options_.workers.front(), *prometheus, registry_,
                                    {{"service.instance.id", instance_id_},
                                     {"service.name", options_.command},
                                     {"service.version", options_.version}});
  if (!server.ok()) {
    return server.status().Annotate("service::telemetry::metrics");
  }
  metrics_server_ = std::move(server).value();
  log_.Info("Serving metrics", {{"endpoint", metrics_server_->address()}});
  return OkStatus();
}

void Service::LogWarnings(const Loaded& loaded) const {
  for (const config::Issue& warning : loaded.warnings) {
    log_.Warn(warning.ToString());
  }
}

Status Service::Reload() {
  const TimePoint begin = MonotonicNow();
  log_.Info("Reading the configuration again");
  auto loaded = Load(options_.resolve, options_.sources, options_.factories);
  if (!loaded.ok()) {
    log_.Error("Reload refused: the new configuration is bad, nothing has changed",
               {{"error", loaded.status().message()}});
    return loaded.status();
  }
  LogWarnings(*loaded);
  Status status = SetUpLogs(loaded->config.telemetry);
  if (status.ok()) {
    status = SetUpMetrics(loaded->config.telemetry);
  }
  if (!status.ok()) {
    log_.Error("Reload: our own telemetry stays as it was", {{"error", status.message()}});
  }
  auto report = collector_->Reload(std::move(loaded->config), std::move(loaded->plan));
  if (!report.ok()) {
    log_.Error("Reload: not everything could be started", {{"error", report.status().message()}});
    return report.status();
  }
  log_.Warn("Config updated, reload complete",
            {{"kept", fmt::format("{}", fmt::join(report->kept, ", "))},
             {"started", fmt::format("{}", fmt::join(report->started, ", "))},
             {"changed", fmt::format("{}", fmt::join(report->changed, ", "))},
             {"stopped", fmt::format("{}", fmt::join(report->stopped, ", "))},
             {"took", MonotonicNow() - begin}});
  return OkStatus();
}

void Service::WatchHealth() {
  std::vector<std::string> degraded;
  for (const delivery::QueueStatus& queue : collector_->status()) {
    if (queue.levels.size() > 1 && queue.active != 0u) {
      degraded.push_back(queue.active ? fmt::format("{} ({}): on level {} since {}", queue.name,
                                                    otlp::Names(queue.signal).name, *queue.active,
                                                    telemetry::FormatDuration(queue.active_since))
                                      : fmt::format("{} ({}): no level is usable since {}",
                                                    queue.name, otlp::Names(queue.signal).name,
                                                    telemetry::FormatDuration(queue.active_since)));
    }
  }
  collector_->SetDegraded(std::move(degraded));
  health_timer_ = options_.workers.front()->RunAfter(kHealthInterval, [this] { WatchHealth(); });
}

void Service::Shutdown(Duration timeout, std::move_only_function<void(uint64_t)> done) {
  log_.Info("Starting shutdown...");
  health_timer_.Cancel();
  net::Worker& control = *options_.workers.front();
  const TimePoint deadline = control.Now() + timeout;
  collector_->Shutdown(deadline, [this, done = std::move(done)](journal::Amount left) mutable {
    if (left.items > 0) {
      log_.Error("Leaving with data in memory that no destination took",
                 {{"lost_requests", left.requests}, {"lost_items", left.items}});
    }
    log_.Info("Shutdown complete.");
    done(left.items);
  });
}

}  // namespace gapless::service
