// Service: the life of one process: start, reload, shutdown, the process's own logs and metrics,
// and the admin API.
//
// Control worker only. What signals and commands mean is cli/'s business.
#pragma once

#include "net/server/http_service.h"
#include "service/admin/admin_api.h"
#include "service/graph/collector.h"
#include "service/plan/load.h"
#include "service/telemetry/own_metrics.h"
#include "service/telemetry/process_memory.h"
#include "service/telemetry/shortage_log.h"
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
  // Brings what a reload needs from afar without making a worker wait, then runs the task on the
  // control worker. Empty: nothing is brought.
  std::function<void(Task then)> before_reload;
  // Called on the control worker with the files that the running configuration was read from.
  std::function<void(const std::vector<std::string>& files)> on_loaded;
};

class Service final : private AdminActions {
 public:
  explicit Service(ServiceOptions options);
  ~Service() override;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // `done` is called at once, or when the journals are recovered; not once Shutdown has begun.
  void Start(std::move_only_function<void(const Status&)> done);
  // Reads the configuration again. A bad one changes nothing and is logged as an error; the status
  // says why. `done` is called at once, or when the journals that it needs are closed by others and
  // recovered; until then the former configuration runs.
  using ReloadDone = std::move_only_function<void(const Result<ReloadReport>&)>;
  void Reload(ReloadDone done) override;
  // `done` hears how many items were left in memory that no destination took.
  void Shutdown(Duration timeout, std::move_only_function<void(uint64_t items_left)> done);

  const telemetry::Logger& log() const { return log_; }

 private:
  // Our own logs and metrics as configured; on an error they stay as they were.
  Status SetUpTelemetry(const TelemetryConfig& config);
  Status SetUpLogs(const TelemetryConfig& config);
  telemetry::Labels ResourceOf(const TelemetryConfig& config) const;
  void SetUpAdmin(const AdminConfig& config);
  void TellFiles(const std::vector<std::string>& files);
  Status Begin(const Loaded& loaded);
  void BeginReload();
  void ReloadNow();
  void Apply(Loaded loaded, Collector::Done done);
  void EndReload(const Result<ReloadReport>& report);
  void LogWarnings(const Loaded& loaded) const;
  void LogReport(const ReloadReport& report) const;
  void WatchHealth();

  // AdminActions.
  std::shared_ptr<const pipeline::ServiceStatus> Read() override;
  void Operate(const OperatorWish& wish,
               std::move_only_function<void(const Result<OperatorAnswer>&)> done) override;
  Result<ReplayAnswer> Replay(const ReplayWish& wish) override;

  const ServiceOptions options_;
  const std::string instance_id_;
  std::shared_ptr<telemetry::LogCore> core_;
  telemetry::Logger log_;
  telemetry::Registry registry_;
  ProcessMemory memory_;
  std::unique_ptr<telemetry::ProcessMetrics> process_metrics_;
  OwnMetrics metrics_;
  TelemetryConfig telemetry_;  // what runs
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<net::HttpService> admin_;
  AdminConfig admin_config_;
  std::vector<ReloadDone> reloads_;        // wishes that the reload under way fulfils
  std::vector<ReloadDone> later_reloads_;  // those that the next one will
  bool busy_ = false;                      // it starts, or a reload goes on
  bool stopping_ = false;
  ShortageLog shortages_;
  Timer health_timer_;
};

}  // namespace gapless::service
