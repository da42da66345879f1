// Start, end and reload as a whole; the parts: collector_parts.cc.
#include "service/graph/collector.h"

#include "io/machine.h"
#include "io/posix_file_system.h"
#include "service/graph/status.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::service {

Collector::Collector(Options options)
    : options_(std::move(options)),
      memory_(std::make_shared<journal::Budget>(
          journal::Budget::DefaultMemoryLimit(io::MachineMemoryLimit(io::PosixFileSystem())))) {}

Collector::~Collector() {
  receivers_.clear();
  queues_.clear();
  retired_.clear();
  leaving_.clear();
  for (auto* senders : {&senders_, &old_senders_}) {
    for (auto& [key, running] : *senders) {
      RunOn(HomeOf(key.signal), [&running] { running = RunningSender(); });
    }
  }
}

pipeline::Settings Collector::SettingsFor(Kind kind, const ComponentId& id,
                                          std::string_view signal) const {
  telemetry::Logger log = options_.log.With(
      {{"otelcol.component.id", id.ToString()}, {"otelcol.component.kind", NameOf(kind)}});
  if (!signal.empty()) {
    log = log.With({{"otelcol.signal", signal}});
  }
  return {.id = id, .log = log, .metrics = options_.metrics, .workers = options_.workers};
}

// Everything that delivers one signal lives on one worker: queues, senders and their connections
// share nothing.
net::Worker& Collector::HomeOf(otlp::Signal signal) const {
  return *options_.workers[static_cast<size_t>(signal) % options_.workers.size()];
}

Status Collector::Start(Config config, Plan plan) {
  ReloadReport report;
  RETURN_IF_ERROR(Apply(std::move(config), std::move(plan), report));
  TakeCareOfLeftJournals();
  LogPlan({});
  PublishStatus();
  health_.SetReady(true, options_.workers.front()->WallNow());
  return OkStatus();
}

Result<ReloadReport> Collector::Reload(Config config, Plan plan) {
  ReloadReport report;
  Config former = config_;
  Plan former_plan = plan_;
  Status status = Apply(std::move(config), std::move(plan), report);
  if (status.ok()) {
    TakeCareOfLeftJournals();
    LogPlan(former_plan);
  } else {
    ReloadReport back;
    Status restored = Apply(std::move(former), std::move(former_plan), back);
    if (!restored.ok()) {
      options_.log.Error("The former configuration could not be brought back as a whole",
                         {{"error", restored.message()}});
    }
  }
  PublishStatus();
  if (!status.ok()) {
    return status;
  }
  return report;
}

// Consumers before producers: when a receiver sends, everything behind it stands. What left or
// changed gives its ports back before others want them.
Status Collector::Apply(Config config, Plan plan, ReloadReport& report) {
  config_ = std::move(config);
  plan_ = std::move(plan);
  StopExtensions(report);
  RETURN_IF_ERROR(StartExtensions(report));
  RETURN_IF_ERROR(StartStorages());
  RETURN_IF_ERROR(StartExporters(report));
  RETURN_IF_ERROR(StartProcessors(report));
  RETURN_IF_ERROR(StartSenders());
  RETURN_IF_ERROR(StartQueues(report));
  ConnectReceivers();
  RetireUnused(report);
  StopReceivers(report);
  RETURN_IF_ERROR(StartReceivers(report));
  StopUnused(report);
  return OkStatus();
}

// What the plan does that is not written in the configuration, and what an OK promises; after a
// reload only what is new.
void Collector::LogPlan(const Plan& former) const {
  for (const std::string& note : plan_.notes) {
    if (std::ranges::find(former.notes, note) == former.notes.end()) {
      options_.log.Info(note);
    }
  }
  for (const auto& [key, host] : queues_) {
    const auto before = std::ranges::find(former.queues, key, &QueuePlan::key);
    if (before != former.queues.end() && before->queue == host->plan().queue) {
      continue;
    }
    options_.log.Info("Queue",
                      {{"owner", key.owner.ToString()},
                       {"signal", otlp::Names(key.signal).name},
                       {"tier", host->tier()},
                       {"queue_size", host->plan().queue.queue_size},
                       {"answers_when", host->plan().queue.enabled ? "stored" : "delivered"}});
  }
}

void Collector::Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount)> done) {
  health_.SetReady(false, {});
  alive_.reset();
  deadline_ = deadline;
  on_shutdown_ = std::move(done);
  // Receivers wait for the answers to their requests, also of queues that left the configuration.
  for (const auto& host : AllQueues()) {
    host->With([](queue::SendingQueue& queue) { queue.StopBlocking(); });
  }
  waiting_ = 1;
  for (auto& [id, receiver] : receivers_) {
    ++waiting_;
    receiver.component->Shutdown(deadline, [this] {
      if (--waiting_ == 0) {
        ShutdownQueues();
      }
    });
  }
  if (--waiting_ == 0) {
    ShutdownQueues();
  }
}

std::vector<std::shared_ptr<QueueHost>> Collector::AllQueues() const {
  std::vector<std::shared_ptr<QueueHost>> hosts = retired_;
  for (const auto& [key, host] : queues_) {
    hosts.push_back(host);
  }
  return hosts;
}

void Collector::ShutdownQueues() {
  const std::vector<std::shared_ptr<QueueHost>> hosts = AllQueues();
  waiting_ = hosts.size() + 1;
  for (const auto& host : hosts) {
    host->Shutdown(*options_.workers.front(), deadline_, [this](journal::Amount left) {
      left_ += left;
      if (--waiting_ == 0) {
        ShutdownRest();
      }
    });
  }
  if (--waiting_ == 0) {
    ShutdownRest();
  }
}

void Collector::ShutdownRest() {
  std::vector<pipeline::Component*> components;
  for (auto& [id, running] : exporters_) {
    components.push_back(running.component.get());
  }
  for (auto& [plan, running] : processors_) {
    components.push_back(running.component.get());
  }
  for (auto& [id, running] : extensions_) {
    components.push_back(running.component.get());
  }
  const auto finished = [this] {
    if (--waiting_ == 0) {
      std::exchange(on_shutdown_, nullptr)(left_);
    }
  };
  waiting_ = components.size() + 1;
  for (pipeline::Component* component : components) {
    component->Shutdown(deadline_, finished);
  }
  finished();
}

void Collector::PublishStatus() {
  pipeline::ServiceStatus status{.taken = options_.workers.front()->WallNow(),
                                 .workers = options_.workers.size(),
                                 .memory_used = memory_->used(),
                                 .memory_limit = memory_->limit(),
                                 .pipelines = DescribePipelines(config_),
                                 .extensions = {},
                                 .queues = {}};
  for (const Reference& extension : config_.service_extensions) {
    status.extensions.push_back(extension.id.ToString());
  }
  const auto describe = [&](const QueueHost& host, bool leaving) {
    const queue::QueueStatus queue = host.status();
    if (!queue.levels.empty()) {
      status.queues.push_back(DescribeQueue(host.plan(), queue, host.tier()));
      status.queues.back().leaving = leaving;
    }
  };
  for (const auto& [key, host] : queues_) {
    describe(*host, false);
  }
  for (const auto& host : retired_) {
    describe(*host, true);
  }
  health_.SetStatus(std::move(status));
}

std::vector<queue::QueueStatus> Collector::status() const {
  std::vector<queue::QueueStatus> all;
  for (const auto& [key, host] : queues_) {
    all.push_back(host->status());
  }
  return all;
}

}  // namespace gapless::service
