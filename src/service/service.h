// Service: the life of one process: start, reload, shutdown, and the process's own logs and
// metrics.
//
// Control worker only. What signals and commands mean is cli/'s business.
#pragma once

#include "service/collector.h"
#include "service/load.h"
#include "service/own_metrics.h"
#include "telemetry/log_core.h"
#include "telemetry/process_metrics.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gapless::service {

struct ServiceOptions {
  const Factories& factories;
  config::ResolveOptions resolve;
  config::Sources sources;
  std::string command = "gapless";
  std::string version;
  std::vector<net::Worker*> workers;
};

class Service {
 public:
  explicit Service(ServiceOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  Status Start();
  // Reads the configuration again. A bad one changes nothing and is logged as an error; the status
  // says why.
  Result<ReloadReport> Reload();
  // `done` hears how many items were left in memory that no destination took.
  void Shutdown(Duration timeout, std::move_only_function<void(uint64_t items_left)> done);

  const telemetry::Logger& log() const { return log_; }
  const Collector& collector() const { return *collector_; }

 private:
  // Our own logs and metrics as configured; on an error they stay as they were.
  Status SetUpTelemetry(const TelemetryConfig& config);
  Status SetUpLogs(const TelemetryConfig& config);
  telemetry::Labels ResourceOf(const TelemetryConfig& config) const;
  Result<ReloadReport> Apply(Loaded loaded);
  void LogWarnings(const Loaded& loaded) const;
  void WatchHealth();

  const ServiceOptions options_;
  const std::string instance_id_;
  std::shared_ptr<telemetry::LogCore> core_;
  telemetry::Logger log_;
  telemetry::Registry registry_;
  std::unique_ptr<telemetry::ProcessMetrics> process_metrics_;
  OwnMetrics metrics_;
  TelemetryConfig telemetry_;  // what runs
  std::unique_ptr<Collector> collector_;
  Timer health_timer_;
};

}  // namespace gapless::service
