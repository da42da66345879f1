#include "service/service.h"

#include "base/clock.h"
#include "base/rng.h"
#include "net/server/listener_pool.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

constexpr Duration kHealthInterval = std::chrono::seconds(1);
constexpr Duration kLastPushTime = std::chrono::seconds(1);
// Requests in flight are answered within this time.
constexpr Duration kCloseTime = std::chrono::seconds(2);
// Clients that come at the very end are answered within this time.
constexpr Duration kFarewellTime = std::chrono::milliseconds(1500);

// A random UUID, version 4.
std::string NewInstanceId() {
  Rng rng(RandomSeed());
  const uint64_t high = (rng.Next() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (rng.Next() >> 2) | (uint64_t{1} << 63);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffff);
}

// Numbers and booleans stay such in JSON lines.
telemetry::LogInitialField InitialField(const std::string& key, const config::Node& value) {
  switch (value.kind()) {
    case config::Kind::kInt:
      return {.key = key, .value = value.int_value()};
    case config::Kind::kFloat:
      return {.key = key, .value = value.float_value()};
    case config::Kind::kBool:
      return {.key = key, .value = value.bool_value()};
    default:
      return {.key = key, .value = value.text()};
  }
}

}  // namespace

Service::Service(ServiceOptions options)
    : options_(std::move(options)),
      instance_id_(NewInstanceId()),
      core_(std::make_shared<telemetry::LogCore>()),
      log_(core_),
      memory_(registry_),
      process_metrics_(
          std::make_unique<telemetry::ProcessMetrics>(registry_, MonotonicNow(), MonotonicNow)),
      metrics_({.factories = options_.factories,
                .workers = options_.workers,
                .registry = registry_,
                .log = log_}) {}

Service::~Service() {
  health_timer_.Cancel();
  memory_.End();
  collector_.reset();
}

void Service::Start(std::move_only_function<void(const Status&)> done) {
  auto loaded = Load(options_.resolve, options_.sources, options_.factories);
  if (!loaded.ok()) {
    core_->FlushToStderr();
  }
  if (Status status = loaded.ok() ? Begin(*loaded) : loaded.status(); !status.ok()) {
    done(status);
    return;
  }
  collector_ = std::make_unique<Collector>(GraphContext{.factories = options_.factories,
                                                        .workers = options_.workers,
                                                        .log = log_,
                                                        .metrics = registry_,
                                                        .memory = memory_.limit()});
  busy_ = true;
  auto started = [this, admin = loaded->config.admin, files = loaded->files,
                  done = std::move(done)](const Result<ReloadReport>& report) mutable {
    if (!report.ok()) {
      done(report.status().Annotate("cannot start pipelines"));
      return;
    }
    SetUpAdmin(admin);
    TellFiles(files);
    WatchHealth();
    memory_.Watch(*options_.workers.front());
    log_.Info("Everything is ready. Begin running and processing data.");
    done(OkStatus());
    BeginReload();
  };
  collector_->Apply(std::move(loaded->config), std::move(loaded->plan), std::move(started));
}

Status Service::Begin(const Loaded& loaded) {
  telemetry_ = loaded.config.telemetry;
  RETURN_IF_ERROR(SetUpLogs(telemetry_));
  log_.Info(fmt::format("Starting {}...", options_.command),
            {{"Version", options_.version}, {"NumCPU", options_.workers.size()}});
  LogWarnings(loaded);
  memory_.Configure(loaded.config.limits, log_);
  return metrics_.Configure(telemetry_.metrics, ResourceOf(telemetry_));
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
    options.initial_fields.push_back(InitialField(key, value));
  }
  if (!logs.disable_zap_resource) {
    options.resource = ResourceOf(config);
  }
  return core_->Configure(std::move(options)).Annotate("service::telemetry::logs");
}

telemetry::Labels Service::ResourceOf(const TelemetryConfig& config) const {
  return config.Resource({{"service.instance.id", instance_id_},
                          {"service.name", options_.command},
                          {"service.version", options_.version}});
}

Status Service::SetUpTelemetry(const TelemetryConfig& config) {
  RETURN_IF_ERROR(SetUpLogs(config));
  Status status = metrics_.Configure(config.metrics, ResourceOf(config));
  if (!status.ok()) {
    SetUpLogs(telemetry_).ok();  // its outputs were open a moment ago
    return status;
  }
  telemetry_ = config;
  return OkStatus();
}

void Service::LogWarnings(const Loaded& loaded) const {
  for (const config::Issue& warning : loaded.warnings) {
    log_.Warn(warning.ToString());
  }
}

// A second instance on this machine finds the port taken: that is no reason not to work.
void Service::SetUpAdmin(const AdminConfig& config) {
  if (admin_ && admin_config_ == config) {
    return;
  }
  net::Worker& control = *options_.workers.front();
  if (const auto former = std::exchange(admin_, nullptr)) {
    former->Shutdown(control.Now() + kCloseTime, [] {});
  }
  admin_config_ = config;
  if (config.endpoint.empty()) {
    return;
  }
  auto service = std::make_unique<net::HttpService>();
  if (Status status =
          service->Start(control, "tcp", config.endpoint, {}, MakeAdminHandler(*this),
                         {.allowed_hosts = config.allowed_hosts, .always_check_host = true});
      !status.ok()) {
    log_.Warn("The admin API is not served; service::admin::endpoint chooses another address",
              {{"endpoint", config.endpoint}, {"cause", status.message()}});
    return;
  }
  admin_ = std::move(service);
  log_.Info("Serving the admin API", {{"endpoint", admin_->address()}});
}

void Service::TellFiles(const std::vector<std::string>& files) {
  if (options_.on_loaded) {
    options_.on_loaded(files);
  }
}

// A wish that comes while one is being fulfilled may mean files that were read already.
void Service::Reload(ReloadDone done) {
  if (stopping_ || !collector_) {
    done(Unavailable("the process is leaving"));
    return;
  }
  later_reloads_.push_back(std::move(done));
  if (!busy_) {
    BeginReload();
  }
}

// Of what was wished meanwhile, if anything was.
void Service::BeginReload() {
  reloads_ = std::exchange(later_reloads_, {});
  busy_ = !reloads_.empty();
  if (!busy_) {
    return;
  }
  Task begin = [this] { ReloadNow(); };
  if (options_.before_reload) {
    options_.before_reload(std::move(begin));
  } else {
    begin();
  }
}

void Service::ReloadNow() {
  if (stopping_) {
    return;
  }
  const TimePoint begin = MonotonicNow();
  log_.Info("Reading the configuration again");
  auto loaded = Load(options_.resolve, options_.sources, options_.factories);
  if (!loaded.ok()) {
    log_.Error("Reload refused: the new configuration is bad, nothing has changed",
               {{"error", loaded.status().message()}});
    EndReload(loaded.status());
    return;
  }
  LogWarnings(*loaded);
  Apply(std::move(*loaded), [this, begin](Result<ReloadReport> report) {
    if (report.ok()) {
      report->took = MonotonicNow() - begin;
      LogReport(*report);
    } else {
      log_.Error("Reload failed: the former configuration runs on",
                 {{"error", report.status().message()}});
    }
    EndReload(report);
  });
}

void Service::LogReport(const ReloadReport& report) const {
  const auto list = [](const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
  };
  log_.Warn("Config updated, reload complete", {{"kept", list(report.kept)},
                                                {"changed", list(report.changed)},
                                                {"restarted", list(report.restarted)},
                                                {"started", list(report.started)},
                                                {"stopped", list(report.stopped)},
                                                {"took", report.took}});
}

void Service::EndReload(const Result<ReloadReport>& report) {
  for (ReloadDone& done : std::exchange(reloads_, {})) {
    done(report);
  }
  BeginReload();
}

void Service::Apply(Loaded loaded, Collector::Done done) {
  const TelemetryConfig former = telemetry_;
  if (Status status = SetUpTelemetry(loaded.config.telemetry); !status.ok()) {
    done(std::move(status));
    return;
  }
  collector_->Apply(std::move(loaded.config), std::move(loaded.plan),
                    [this, former, admin = loaded.config.admin, limits = loaded.config.limits,
                     files = loaded.files, warnings = loaded.warnings,
                     done = std::move(done)](Result<ReloadReport> report) mutable {
                      if (report.ok()) {
                        SetUpAdmin(admin);
                        memory_.Configure(limits, log_);
                        TellFiles(files);
                        for (const config::Issue& warning : warnings) {
                          report->warnings.push_back(warning.ToString());
                        }
                      } else {
                        SetUpTelemetry(former).ok();  // it ran a moment ago
                      }
                      done(std::move(report));
                    });
}

void Service::WatchHealth() {
  collector_->PublishStatus();
  shortages_.Look(log_, options_.workers.front()->Now());
  health_timer_ = options_.workers.front()->RunAfter(kHealthInterval, [this] { WatchHealth(); });
}

std::shared_ptr<const pipeline::ServiceStatus> Service::Read() {
  if (!stopping_) {
    collector_->PublishStatus();
  }
  return collector_->status_source().status();
}

void Service::Operate(const OperatorWish& wish,
                      std::move_only_function<void(const Result<OperatorAnswer>&)> done) {
  if (stopping_) {
    done(Unavailable("the process is leaving"));
    return;
  }
  collector_->Operate(wish, std::move(done));
}

Result<ReplayAnswer> Service::Replay(const ReplayWish& wish) {
  return stopping_ ? Unavailable("the process is leaving") : collector_->Replay(wish);
}

void Service::Shutdown(Duration timeout, std::move_only_function<void(uint64_t)> done) {
  log_.Info("Starting shutdown...");
  stopping_ = true;
  health_timer_.Cancel();
  for (auto* reloads : {&reloads_, &later_reloads_}) {
    for (ReloadDone& reload : std::exchange(*reloads, {})) {
      reload(Unavailable("the process is leaving"));
    }
  }
  net::Worker& control = *options_.workers.front();
  const TimePoint deadline = control.Now() + timeout;
  collector_->Shutdown(deadline, [this, done = std::move(done)](journal::Amount left) mutable {
    if (left.items > 0) {
      log_.Error("Leaving with data in memory that no destination took",
                 {{"lost_requests", left.requests}, {"lost_items", left.items}});
    }
    metrics_.Flush(kLastPushTime, [this, left, done = std::move(done)]() mutable {
      net::Worker& worker = *options_.workers.front();
      metrics_.StopAll();
      if (const auto admin = std::exchange(admin_, nullptr)) {
        admin->Shutdown(worker.Now() + kFarewellTime, [] {});
      }
      net::ListenerPool::Process().CloseAll(worker, worker.Now() + kFarewellTime,
                                            [this, left, done = std::move(done)]() mutable {
                                              log_.Info("Shutdown complete.");
                                              done(left.items);
                                            });
    });
  });
}

}  // namespace gapless::service
