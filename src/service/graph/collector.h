// Collector: what a configuration becomes: components, queues and the graph between them; its
// start, reload and end.
//
// Everything here runs on the control worker (the first one). A reload keeps what did not change:
// receivers with their sockets, exporters with their connections, queues with their journals and
// failover state. It has two parts: what is needed of the disk is read beside everything that runs
// (journals.h); then all is changed at once.
#pragma once

#include "base/lifetime.h"
#include "service/graph/commands.h"
#include "service/graph/components.h"
#include "service/graph/health.h"
#include "service/graph/left_journals.h"
#include "service/graph/receivers.h"

namespace gapless::service {

class Collector {
 public:
  using Done = std::move_only_function<void(Result<ReloadReport>)>;

  explicit Collector(GraphContext context);
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // The first call starts everything; later ones are reloads. Precondition: `config` and `plan`
  // have no errors, and `done` of the call before was called. It is called now or later, but not
  // once Shutdown has begun. An error is of the kind that only running shows: a journal that cannot
  // be opened, and then nothing has changed; a port that is taken, and then the former
  // configuration is brought back, if there was one. Queues keep their journals and failover state
  // either way.
  void Apply(Config config, Plan plan, Done done);
  // Receivers first, then queues until they are empty or `deadline` passed, then the rest. `done`
  // hears what was left in memory that no destination took.
  void Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount left)> done);

  // commands.h.
  void Operate(const OperatorWish& wish,
               std::move_only_function<void(const Result<OperatorAnswer>&)> done);
  Result<ReplayAnswer> Replay(const ReplayWish& wish) {
    return service::Replay(context_, queues_, wish);
  }

  // Reads every queue and publishes the whole; nothing once Shutdown has begun.
  void PublishStatus();
  // The last reading: extensions and the admin API see the same one.
  const pipeline::StatusSource& status_source() const { return health_; }

 private:
  // A configuration: the one that runs, or the next.
  struct Target {
    Config config;
    Plan plan;
    std::unique_ptr<Journals> journals;
  };

  void Prepare();
  void Finish(Status status);
  Status Bring(const Target& target, ReloadReport& report);
  void LogPlan(const Plan& former) const;
  void ForgetMetrics(const Plan& plan);

  const GraphContext context_;
  Health health_;
  Target target_;
  std::unique_ptr<Target> next_;  // while it is prepared
  Done done_;
  Components components_{context_, health_};
  Senders senders_{context_};
  QueueSet queues_;
  LeftJournals left_journals_{context_};
  Receivers receivers_{context_};
  // Label and ID of what has series in the registry.
  std::set<std::pair<std::string_view, std::string>> measured_;
  bool ending_ = false;
  Lifetime lifetime_;
};

}  // namespace gapless::service
