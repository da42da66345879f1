#include "service/graph/queue_set.h"

#include "journal/memory_journal.h"
#include "routing/http_health.h"

namespace gapless::service {

QueueSet::QueueSet(const GraphContext& context, const Processors& processors,
                   const Senders& senders, std::function<void()> on_gone)
    : context_(context), processors_(processors), senders_(senders), on_gone_(std::move(on_gone)) {}

queue::SendingQueueOptions QueueSet::OptionsFor(const QueuePlan& plan) const {
  const bool settled = !plan.queue.enabled || plan.queue.wait_for_result;
  queue::SendingQueueOptions options{.name = plan.key.owner.ToString(),
                                     .signal = plan.key.signal,
                                     .is_failover = plan.is_failover,
                                     .queue = plan.queue,
                                     .max_interval = plan.max_interval,
                                     .ack = settled ? queue::Ack::kSettled : queue::Ack::kStored,
                                     .withdraw = !plan.queue.enabled,
                                     .order = plan.order,
                                     .router = plan.router,
                                     .memory = context_.memory};
  for (const LevelPlan& level : plan.levels) {
    queue::QueueLevel& built = options.levels.emplace_back();
    built.name = level.name;
    for (const sending::HealthCheckSettings& health : level.health) {
      built.health.push_back({.settings = health,
                              .asker = std::make_shared<routing::HttpHealth>(
                                  context_.HomeOf(plan.key.signal), health.url)});
    }
    for (const PathPlan& path : level.paths) {
      queue::QueueLevel::Path& way = built.paths.emplace_back();
      for (const ProcessorPlan& processor : path.processors) {
        way.processors.push_back(processors_.parts().at(processor).component);
      }
      way.sender = senders_.at({.exporter = path.exporter, .signal = plan.key.signal});
    }
  }
  if (plan.dead_letter) {
    const QueueKey key{.owner = *plan.dead_letter, .signal = plan.key.signal};
    options.dead_letter = {.name = key.owner.ToString(), .consumer = active_.at(key)->consumer()};
  }
  return options;
}

Result<QueueSet::HostPtr> QueueSet::Create(const QueuePlan& plan, Journals& journals) {
  queue::RecoveredJournal open = [this](Loop& home) -> std::unique_ptr<journal::Journal> {
    return std::make_unique<journal::MemoryJournal>(
        journal::MemoryOptions{.budget = context_.memory_journals}, home);
  };
  if (Journals::IsDurable(plan)) {
    ASSIGN_OR_RETURN(open, journals.Take(plan));
  }
  const std::string place = journals.PlaceOf(plan);
  const auto settings = context_.SettingsFor(plan.is_failover ? Kind::kConnector : Kind::kExporter,
                                             plan.key.owner, otlp::Names(plan.key.signal).name);
  net::Worker& home = context_.HomeOf(plan.key.signal);
  return std::make_shared<QueueHost>(home, plan, place, [&, options = OptionsFor(plan)]() mutable {
    std::unique_ptr<journal::Journal> journal = open(home);
    queue::QueueStats::Identity identity{
        .name = options.name, .signal = options.signal, .is_failover = options.is_failover};
    if (!opened_.insert(place).second) {
      identity.published = journal->ledger();
      identity.published_given_up = journal->stats().debts_given_up.items;
    }
    auto stats = std::make_unique<queue::QueueStats>(context_.metrics, std::move(identity));
    return std::make_unique<queue::SendingQueue>(home, std::move(journal), std::move(options),
                                                 settings.log.Unsampled(), std::move(stats));
  });
}

QueueSet::Where QueueSet::WhereIs(const QueuePlan& plan, const std::string& place) const {
  for (const HostPtr& host : all()) {
    if (host->plan().key == plan.key && host->place() == place) {
      return host->closing() ? Where::kClosing : Where::kHere;
    }
  }
  return Where::kNowhere;
}

Status QueueSet::Bring(const Change& change) {
  std::set<QueueKey> renewed;  // a failover that gives its dead letters to one of these must know
  std::set<QueueKey> unused;
  for (const auto& [key, host] : active_) {
    unused.insert(key);
  }
  for (const QueuePlan& plan : change.plan.queues) {
    unused.erase(plan.key);
    const bool same_target = !plan.dead_letter || !renewed.contains({.owner = *plan.dead_letter,
                                                                     .signal = plan.key.signal});
    const auto running = active_.find(plan.key);
    const std::string place = change.journals.PlaceOf(plan);
    if (running == active_.end()) {
      ASSIGN_OR_RETURN(const bool adopted, Add(plan, change.journals));
      (adopted ? change.report.changed : change.report.started).push_back(Called(plan.key));
    } else if (running->second->place() != place) {
      // Another kind of journal: the old one empties itself.
      change.report.restarted.push_back(Called(plan.key));
      renewed.insert(plan.key);
      TakeOut(plan.key);
      RETURN_IF_ERROR(Add(plan, change.journals).status());
    } else if (same_target && running->second->plan() == plan && senders_.Stayed(plan)) {
      change.report.kept.push_back(Called(plan.key));
    } else {
      change.report.changed.push_back(Called(plan.key));
      running->second->Reconfigure(plan, OptionsFor(plan));
    }
  }
  for (const QueueKey& key : unused) {
    change.report.stopped.push_back(Called(key));
    TakeOut(key);
  }
  return OkStatus();
}

// One that left with this journal goes on where it was: true.
Result<bool> QueueSet::Add(const QueuePlan& plan, Journals& journals) {
  const std::string place = journals.PlaceOf(plan);
  for (auto* hosts : {&leaving_, &retired_}) {
    const auto it = std::ranges::find_if(*hosts, [&](const HostPtr& host) {
      return host->plan().key == plan.key && host->place() == place && !host->closing();
    });
    if (it != hosts->end()) {
      const HostPtr& host = active_[plan.key] = std::move(*it);
      hosts->erase(it);
      host->Reconfigure(plan, OptionsFor(plan));
      return true;
    }
  }
  ASSIGN_OR_RETURN(active_[plan.key], Create(plan, journals));
  return false;
}

Status QueueSet::Empty(const QueuePlan& plan, Journals& journals) {
  ASSIGN_OR_RETURN(HostPtr host, Create(plan, journals));
  leaving_.push_back(std::move(host));
  return OkStatus();
}

std::vector<QueueSet::HostPtr> QueueSet::all() const {
  std::vector<HostPtr> hosts;
  for (const auto& [key, host] : active_) {
    hosts.push_back(host);
  }
  hosts.insert(hosts.end(), leaving_.begin(), leaving_.end());
  hosts.insert(hosts.end(), retired_.begin(), retired_.end());
  return hosts;
}

void QueueSet::RetireLeaving() {
  if (leaving_.empty()) {
    return;
  }
  // Requests that found the way to them before it was changed have left every worker after this …
  for (net::Worker* worker : context_.workers) {
    RunOn(*worker, [] {});
  }
  // … and are ahead of this in the mailbox of every home.
  context_.control().Post(lifetime_.Guard([this] {
    for (HostPtr& host : std::exchange(leaving_, {})) {
      Retire(std::move(host));
    }
  }));
}

void QueueSet::Retire(HostPtr host) {
  retired_.push_back(host);
  if (on_shutdown_) {
    return;  // it is asked to end with the others
  }
  const QueueKey& key = host->plan().key;
  context_.log.Info("Queue left the configuration and goes on until it is empty",
                    {{"owner", key.owner.ToString()}, {"signal", otlp::Names(key.signal).name}});
  host->Retire(context_.control(), [this, raw = host.get()] {
    if (!raw->closing()) {
      Close(*raw, context_.control().Now());
    }
  });
}

void QueueSet::Close(QueueHost& host, TimePoint deadline) {
  ++closing_;
  host.Shutdown(context_.control(), deadline,
                lifetime_.Guard([this, &host](journal::Amount left) { OnClosed(host, left); }));
}

void QueueSet::OnClosed(const QueueHost& host, journal::Amount left) {
  --closing_;
  left_ += left;
  if (!on_shutdown_) {
    std::erase_if(retired_, [&](const HostPtr& retired) { return retired.get() == &host; });
    on_gone_();
  } else if (closing_ == 0) {
    on_shutdown_(left_);
  }
}

void QueueSet::StopBlocking() const {
  for (const HostPtr& host : all()) {
    host->With([](queue::SendingQueue& queue) { queue.StopBlocking(); });
  }
}

void QueueSet::Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount)> done) {
  on_shutdown_ = std::move(done);
  for (const HostPtr& host : all()) {
    if (!host->closing()) {
      Close(*host, deadline);
    }
  }
  if (closing_ == 0) {
    on_shutdown_(left_);
  }
}

}  // namespace gapless::service
