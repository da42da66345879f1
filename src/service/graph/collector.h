// Collector: what a configuration becomes: components, queues and the graph between them; its
// start, reload and end.
//
// Everything here runs on the control worker (the first one). A reload keeps what did not change:
// receivers with their sockets, exporters with their connections, queues with their journals and
// failover state.
#pragma once

#include "journal/budget.h"
#include "sending/drill_transport.h"
#include "service/config/config.h"
#include "service/graph/health.h"
#include "service/graph/ingest.h"
#include "service/graph/operator.h"
#include "service/graph/queue_host.h"
#include "service/plan/planner.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gapless::service {

// What a reload did, for the log and the operator: parts as "exporter otlp/a" or "queue otlp/a
// (traces)".
struct ReloadReport {
  std::vector<std::string> kept;       // as they were, with sockets and connections
  std::vector<std::string> changed;    // in place: data and failover state stay
  std::vector<std::string> restarted;  // ended and begun again with new settings
  std::vector<std::string> started;
  std::vector<std::string> stopped;
  std::vector<std::string> warnings;  // of the new configuration
  Duration took{};
};

class Collector {
 public:
  struct Options {
    const Factories& factories;
    std::vector<net::Worker*> workers;  // at least one; the first is the control worker
    telemetry::Logger log;
    telemetry::Registry& metrics;
  };
  explicit Collector(Options options);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Extensions, exporters, queues, processors, and receivers last. On an error everything that had
  // started is stopped by the destructor.
  Status Start(Config config, Plan plan);
  // Precondition: `config` and `plan` have no errors, and IsClosing does not hold. An error here is
  // of the kind that only running shows (a port that is taken): the former configuration is brought
  // back; queues keep their journals and failover state either way.
  Result<ReloadReport> Reload(Config config, Plan plan);
  // The journal of a queue that left is being closed this moment and could not be opened anew.
  bool IsClosing() const;
  // Receivers first, then queues until they are empty or `deadline` passed, then the rest. `done`
  // hears what was left in memory that no destination took.
  void Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount left)> done);

  // Obeys; `done` is called on the control worker, for a probe once its destinations answered.
  // Errors: NOT_FOUND (no such connector), INVALID_ARGUMENT (no such level).
  void Operate(const OperatorWish& wish,
               std::move_only_function<void(const Result<OperatorAnswer>&)> done);

  // At once; what is sent follows behind live data. Errors: NOT_FOUND (no such exporter).
  Result<ReplayAnswer> Replay(const ReplayWish& wish);

  std::vector<queue::QueueStatus> status() const;
  // Reads every queue and publishes the whole for status(); not once Shutdown has begun.
  void PublishStatus();
  // The last reading: extensions and the admin API see the same one.
  const pipeline::StatusSource& status_source() const { return health_; }

 private:
  // A running component and the configuration that it was made from.
  template <typename T>
  struct Running {
    std::shared_ptr<T> component;
    pipeline::ComponentConfigPtr config;
  };
  struct RunningReceiver {
    std::shared_ptr<pipeline::Component> component;
    pipeline::ComponentConfigPtr config;
    std::array<bool, 3> signals{};
    std::shared_ptr<std::array<Junction, 3>> junctions;
  };
  struct RunningSender {
    std::shared_ptr<sending::Sender> sender;
    std::shared_ptr<sending::Exporter> exporter;  // outlives its transport
    Duration suspect_after{};
    std::shared_ptr<sending::Drill> drill;  // home worker
  };

  struct LeftJournals {
    std::vector<queue::LeftJournal> unclaimed;
    telemetry::Gauge items;
    telemetry::Gauge bytes;
  };

  pipeline::Settings SettingsFor(Kind kind, const ComponentId& id,
                                 std::string_view signal = {}) const;
  net::Worker& HomeOf(otlp::Signal signal) const;

  Status Apply(Config config, Plan plan, ReloadReport& report);
  void StopExtensions(ReloadReport& report);
  Status StartExtensions(ReloadReport& report);
  Status StartStorages();
  Status StartExporters(ReloadReport& report);
  Status StartProcessors(ReloadReport& report);
  sending::SenderMetrics MetricsOf(const SenderKey& key) const;
  Status StartSenders();
  Status StartQueues(ReloadReport& report);
  Status CreateQueue(const QueuePlan& plan);
  std::string PlaceOf(const QueuePlan& plan) const;
  Result<std::unique_ptr<journal::Journal>> OpenJournal(const QueuePlan& plan, net::Worker& home);
  queue::SendingQueueOptions QueueOptions(const QueuePlan& plan) const;
  bool SameSenders(const QueuePlan& plan) const;
  void RetireUnused(ReloadReport& report);
  void StopReceivers(ReloadReport& report);
  Status StartReceivers(ReloadReport& report);
  void ConnectReceivers();
  std::shared_ptr<pipeline::Consumer> BuildPipeline(
      const ComponentId& id, std::map<ComponentId, std::shared_ptr<pipeline::Consumer>>& built);
  std::shared_ptr<pipeline::Processor> ProcessorOf(const ProcessorPlan& plan) const;
  void ReleaseOldSenders();
  void StopUnused(ReloadReport& report);
  void ForgetMetrics();
  bool AdoptRetired(const QueuePlan& plan);
  Result<std::vector<std::shared_ptr<QueueHost>>> QueuesOf(const OperatorWish& wish) const;
  void BeginDrill(const QueuePlan& plan, size_t level, const OperatorWish& wish);
  void TakeOut(const QueueKey& key);
  void TakeCareOfLeftJournals();
  void ReportLeftJournals(const std::vector<queue::LeftJournal>& unclaimed) const;
  std::optional<QueuePlan> PlanFor(const ComponentId& storage, const std::string& journal) const;
  bool EmptyLeftJournal(const ComponentId& storage, const queue::LeftJournal& left);
  void RetireLeaving();
  void Retire(const std::shared_ptr<QueueHost>& host);
  void StopComponent(std::shared_ptr<pipeline::Component> component);
  void LogPlan(const Plan& former) const;

  // Also those that left the configuration and still have records.
  std::vector<std::shared_ptr<QueueHost>> AllQueues() const;
  void ShutdownQueues();
  void ShutdownRest();

  const Options options_;
  // Common to all memory journals.
  const std::shared_ptr<journal::Budget> memory_;
  Health health_;
  Config config_;
  Plan plan_;
  std::map<ComponentId, Running<pipeline::Component>> extensions_;
  std::map<ComponentId, Running<queue::JournalStorage>> storages_;
  // By storage: the journals found in it that no component claims.
  std::map<ComponentId, LeftJournals> left_journals_;
  std::map<ComponentId, Running<sending::Exporter>> exporters_;
  std::map<ProcessorPlan, Running<pipeline::Processor>> processors_;
  std::map<SenderKey, RunningSender> senders_;
  // Of the configuration before, while a reload goes on.
  std::map<SenderKey, RunningSender> old_senders_;
  std::vector<std::shared_ptr<pipeline::Processor>> old_processors_;
  std::map<QueueKey, std::shared_ptr<QueueHost>> queues_;
  // Queues that left the configuration and still have records, with everything that they send
  // through.
  std::vector<std::shared_ptr<QueueHost>> retired_;
  // Of these, those that are to be retired once the receivers no longer know them.
  std::vector<std::shared_ptr<QueueHost>> leaving_;
  std::map<ComponentId, RunningReceiver> receivers_;
  // Places of journals whose ledger has been published.
  std::set<std::string> opened_;
  // Label and ID of what has series in the registry.
  std::set<std::pair<std::string_view, std::string>> measured_;

  TimePoint deadline_{};
  size_t waiting_ = 0;
  journal::Amount left_;
  std::move_only_function<void(journal::Amount)> on_shutdown_;
  // Ends when the collector does, or begins to.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gapless::service
