// The queues of a configuration: created, changed in place, retired, adopted again.
#include "journal/memory_journal.h"
#include "routing/http_health.h"
#include "service/graph/collector.h"
#include "service/plan/part_names.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::service {

bool Collector::SameSenders(const QueuePlan& plan) const {
  for (const LevelPlan& level : plan.levels) {
    for (const PathPlan& path : level.paths) {
      const SenderKey key{.exporter = path.exporter, .signal = plan.key.signal};
      const auto old = old_senders_.find(key);
      if (old == old_senders_.end() || old->second.sender != senders_.at(key).sender) {
        return false;
      }
    }
  }
  return true;
}

queue::SendingQueueOptions Collector::QueueOptions(const QueuePlan& plan) const {
  const bool settled = !plan.queue.enabled || plan.queue.wait_for_result;
  queue::SendingQueueOptions options{.name = plan.key.owner.ToString(),
                                     .signal = plan.key.signal,
                                     .is_failover = plan.is_failover,
                                     .queue = plan.queue,
                                     .max_interval = plan.max_interval,
                                     .ack = settled ? queue::Ack::kSettled : queue::Ack::kStored,
                                     .withdraw = !plan.queue.enabled,
                                     .order = plan.order,
                                     .router = plan.router};
  for (const LevelPlan& level : plan.levels) {
    queue::QueueLevel& built = options.levels.emplace_back();
    built.name = level.name;
    for (const sending::HealthCheckSettings& health : level.health) {
      built.health.push_back(
          {.settings = health,
           .asker = std::make_shared<routing::HttpHealth>(HomeOf(plan.key.signal), health.url)});
    }
    for (const PathPlan& path : level.paths) {
      queue::QueueLevel::Path& way = built.paths.emplace_back();
      for (const ProcessorPlan& processor : path.processors) {
        way.processors.push_back(ProcessorOf(processor));
      }
      way.sender = senders_.at({.exporter = path.exporter, .signal = plan.key.signal}).sender;
    }
  }
  if (plan.dead_letter) {
    const QueueKey key{.owner = *plan.dead_letter, .signal = plan.key.signal};
    options.dead_letter = {.name = key.owner.ToString(), .consumer = queues_.at(key)->consumer()};
  }
  return options;
}

// Of the queue's journal; two plans with one place mean one journal.
std::string Collector::PlaceOf(const QueuePlan& plan) const {
  if (!plan.queue.enabled) {
    return "off";
  }
  return plan.queue.storage
             ? storages_.at(*plan.queue.storage).component->PlaceOf(JournalName(plan))
             : "memory";
}

Result<std::unique_ptr<journal::Journal>> Collector::OpenJournal(const QueuePlan& plan,
                                                                 net::Worker& home) {
  if (plan.queue.storage && plan.queue.enabled) {
    return storages_.at(*plan.queue.storage).component->Open(JournalName(plan), home);
  }
  std::unique_ptr<journal::Journal> journal =
      std::make_unique<journal::MemoryJournal>(journal::MemoryOptions{.budget = memory_}, home);
  return journal;
}

Status Collector::CreateQueue(const QueuePlan& plan) {
  net::Worker& home = HomeOf(plan.key.signal);
  const std::string place = PlaceOf(plan);
  auto host = std::make_shared<QueueHost>(home, plan, place);
  const Kind kind = plan.is_failover ? Kind::kConnector : Kind::kExporter;
  auto settings = SettingsFor(kind, plan.key.owner, otlp::Names(plan.key.signal).name);
  auto options = QueueOptions(plan);
  Status status = host->Create([&]() -> Result<std::unique_ptr<queue::SendingQueue>> {
    ASSIGN_OR_RETURN(auto journal, OpenJournal(plan, home));
    queue::QueueStats::Identity identity{.name = plan.key.owner.ToString(),
                                         .signal = plan.key.signal,
                                         .is_failover = plan.is_failover};
    if (!opened_.insert(place).second) {
      identity.published = journal->ledger();
      identity.published_given_up = journal->stats().debts_given_up.items;
    }
    auto stats = std::make_unique<queue::QueueStats>(options_.metrics, std::move(identity));
    return std::make_unique<queue::SendingQueue>(home, std::move(journal), std::move(options),
                                                 settings.log.Unsampled(), std::move(stats));
  });
  if (!status.ok()) {
    return status.Annotate(
        fmt::format("failed to start \"{}\" {}", plan.key.owner.ToString(), NameOf(kind)));
  }
  queues_[plan.key] = std::move(host);
  return OkStatus();
}

Status Collector::StartQueues(ReloadReport& report) {
  std::set<QueueKey> renewed;  // a failover that gives its dead letters to one of these must know
  for (const QueuePlan& plan : plan_.queues) {
    const auto running = queues_.find(plan.key);
    if (running == queues_.end()) {
      if (AdoptRetired(plan)) {
        report.changed.push_back(Called(plan.key));
        continue;
      }
      RETURN_IF_ERROR(CreateQueue(plan));
      report.started.push_back(Called(plan.key));
      continue;
    }
    const bool same_journal = running->second->place() == PlaceOf(plan);
    const bool same_target = !plan.dead_letter || !renewed.contains({.owner = *plan.dead_letter,
                                                                     .signal = plan.key.signal});
    if (same_journal && same_target && running->second->plan() == plan && SameSenders(plan)) {
      report.kept.push_back(Called(plan.key));
      continue;
    }
    if (same_journal) {
      report.changed.push_back(Called(plan.key));
      running->second->Reconfigure(plan, QueueOptions(plan));
      continue;
    }
    // Another kind of journal: the old one empties itself.
    report.restarted.push_back(Called(plan.key));
    renewed.insert(plan.key);
    TakeOut(plan.key);
    if (!AdoptRetired(plan)) {
      RETURN_IF_ERROR(CreateQueue(plan));
    }
  }
  return OkStatus();
}

void Collector::RetireUnused(ReloadReport& report) {
  std::vector<QueueKey> unused;
  for (const auto& [key, host] : queues_) {
    if (std::ranges::find(plan_.queues, key, &QueuePlan::key) == plan_.queues.end()) {
      unused.push_back(key);
    }
  }
  for (const QueueKey& key : unused) {
    report.stopped.push_back(Called(key));
    TakeOut(key);
  }
  RetireLeaving();
}

void Collector::RetireLeaving() {
  if (leaving_.empty()) {
    return;
  }
  // Requests that found the way to them before it was changed have left every worker after this …
  for (net::Worker* worker : options_.workers) {
    RunOn(*worker, [] {});
  }
  // … and are ahead of this in the mailbox of every home.
  options_.workers.front()->Post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) {
      return;
    }
    for (const auto& host : std::exchange(leaving_, {})) {
      Retire(host);
    }
  });
}

// A queue whose owner is back in the configuration goes on where it was.
bool Collector::AdoptRetired(const QueuePlan& plan) {
  for (const auto& host : retired_) {
    if (host->plan().key == plan.key && host->place() == PlaceOf(plan) &&
        host->Reconfigure(plan, QueueOptions(plan))) {
      const std::shared_ptr<QueueHost> adopted = host;  // outlives its place in the lists
      queues_[plan.key] = adopted;
      std::erase(retired_, adopted);
      std::erase(leaving_, adopted);
      return true;
    }
  }
  return false;
}

// It goes on until nothing is given to it any more; then it is retired.
void Collector::TakeOut(const QueueKey& key) {
  auto node = queues_.extract(key);
  retired_.push_back(node.mapped());
  leaving_.push_back(std::move(node.mapped()));
}

void Collector::Retire(const std::shared_ptr<QueueHost>& host) {
  const QueueKey& key = host->plan().key;
  options_.log.Info("Queue left the configuration and goes on until it is empty",
                    {{"owner", key.owner.ToString()}, {"signal", otlp::Names(key.signal).name}});
  host->Retire(*options_.workers.front(), [this, raw = host.get()] {
    if (on_shutdown_) {
      return;  // it is asked to end with the others, and must live to answer
    }
    std::erase_if(retired_, [raw](const auto& retired) { return retired.get() == raw; });
    ForgetMetrics();
  });
}

bool Collector::IsClosing() const {
  return std::ranges::any_of(retired_,
                             [](const auto& host) { return host->status().levels.empty(); });
}

}  // namespace gapless::service
