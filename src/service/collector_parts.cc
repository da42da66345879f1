// The parts of a configuration, each brought from what runs to what is wanted: unchanged ones are
// kept.
#include "base/rng.h"
#include "journal/memory_journal.h"
#include "service/collector.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace gapless::service {
namespace {

bool SameConfig(const pipeline::ComponentConfig& a, const pipeline::ComponentConfig& b) {
  return a.Print(config::Secrets::kRevealed) == b.Print(config::Secrets::kRevealed);
}

// A transport never outlives its exporter, also where a retired queue holds the last reference.
struct SenderWithExporter {
  SenderWithExporter(std::shared_ptr<delivery::Exporter> of, net::Worker& home, std::string name,
                     std::unique_ptr<delivery::Transport> transport,
                     const delivery::DeliverySettings& settings)
      : exporter(std::move(of)),
        sender(home, std::move(name), std::move(transport), settings, RandomSeed()) {}

  std::shared_ptr<delivery::Exporter> exporter;
  delivery::Sender sender;
};

std::string Called(Kind kind, const ComponentId& id) {
  return fmt::format("{} {}", NameOf(kind), id.ToString());
}

std::string Called(const QueueKey& key) {
  return fmt::format("queue {} ({})", key.owner.ToString(), otlp::Names(key.signal).name);
}

}  // namespace

Status Collector::StartExtensions(ReloadReport& report) {
  for (const Reference& reference : config_.service_extensions) {
    const ComponentDef& def = config_.extensions.at(reference.id);
    const auto* factory = options_.factories.Extension(reference.id.type);
    if (factory == nullptr) {
      continue;  // a storage
    }
    const auto running = extensions_.find(reference.id);
    if (running != extensions_.end() && SameConfig(*running->second.config, *def.config)) {
      report.kept.push_back(Called(Kind::kExtension, reference.id));
      continue;
    }
    if (running != extensions_.end()) {
      StopComponent(running->second.component);
      extensions_.erase(running);
    }
    std::shared_ptr<pipeline::Component> extension =
        factory->create(SettingsFor(Kind::kExtension, reference.id), def.config, health_);
    if (Status status = extension->Start(); !status.ok()) {
      return status.Annotate(
          fmt::format("failed to start \"{}\" extension", reference.id.ToString()));
    }
    extensions_[reference.id] = {.component = extension, .config = def.config};
    report.started.push_back(Called(Kind::kExtension, reference.id));
  }
  return OkStatus();
}

Status Collector::StartStorages() {
  for (const ComponentId& id : plan_.storages) {
    const auto* factory = options_.factories.Storage(id.type);
    if (factory == nullptr) {
      return InvalidArgument(fmt::format("extension \"{}\" is no storage", id.ToString()));
    }
    const auto def = config_.extensions.find(id);
    config::Errors errors;
    const pipeline::ComponentConfigPtr config =
        def != config_.extensions.end()
            ? def->second.config
            : factory->info.config.decode(config::Node(), "extensions::" + id.ToString(), errors);
    const auto running = storages_.find(id);
    if (running != storages_.end() && SameConfig(*running->second.config, *config)) {
      continue;
    }
    storages_[id] = {.component = factory->create(SettingsFor(Kind::kExtension, id), config),
                     .config = config};
  }
  return OkStatus();
}

Status Collector::StartExporters(ReloadReport& report) {
  std::set<ComponentId> wanted;
  for (const auto& [key, patience] : plan_.senders) {
    wanted.insert(key.exporter);
  }
  for (const ComponentId& id : wanted) {
    const ComponentDef& def = config_.exporters.at(id);
    const auto running = exporters_.find(id);
    if (running != exporters_.end() && SameConfig(*running->second.config, *def.config)) {
      report.kept.push_back(Called(Kind::kExporter, id));
      continue;
    }
    std::shared_ptr<delivery::Exporter> exporter =
        options_.factories.Exporter(id.type)->create(SettingsFor(Kind::kExporter, id), def.config);
    if (Status status = exporter->Start(); !status.ok()) {
      return status.Annotate(fmt::format("failed to start \"{}\" exporter", id.ToString()));
    }
    (running != exporters_.end() ? report.changed : report.started)
        .push_back(Called(Kind::kExporter, id));
    exporters_[id] = {.component = std::move(exporter), .config = def.config};
  }
  return OkStatus();
}

Status Collector::StartProcessors() {
  std::map<ProcessorPlan, Running<pipeline::Processor>> next;
  const auto start = [&](const ProcessorPlan& plan, otlp::Signal signal) -> Status {
    if (next.contains(plan)) {
      return OkStatus();
    }
    const ComponentDef& def = config_.processors.at(plan.id);
    const auto running = processors_.find(plan);
    if (running != processors_.end() && SameConfig(*running->second.config, *def.config)) {
      next[plan] = running->second;
      return OkStatus();
    }
    std::shared_ptr<pipeline::Processor> processor =
        options_.factories.Processor(plan.id.type)
            ->create(SettingsFor(Kind::kProcessor, plan.id), def.config, signal);
    if (Status status = processor->Start(); !status.ok()) {
      return status.Annotate(fmt::format("failed to start \"{}\" processor", plan.id.ToString()));
    }
    next[plan] = {.component = std::move(processor), .config = def.config};
    return OkStatus();
  };
  for (const IngestPlan& pipeline : plan_.pipelines) {
    for (const ProcessorPlan& processor : pipeline.processors) {
      RETURN_IF_ERROR(start(processor, pipeline.signal));
    }
  }
  for (const QueuePlan& queue : plan_.queues) {
    for (const LevelPlan& level : queue.levels) {
      for (const PathPlan& path : level.paths) {
        for (const ProcessorPlan& processor : path.processors) {
          RETURN_IF_ERROR(start(processor, queue.key.signal));
        }
      }
    }
  }
  processors_ = std::move(next);
  return OkStatus();
}

Status Collector::StartSenders() {
  old_senders_ = std::move(senders_);
  senders_.clear();
  for (const auto& [key, suspect_after] : plan_.senders) {
    const auto& exporter = exporters_.at(key.exporter).component;
    const auto old = old_senders_.find(key);
    if (old != old_senders_.end() && old->second.exporter == exporter &&
        old->second.suspect_after == suspect_after) {
      senders_[key] = old->second;
      continue;
    }
    net::Worker& home = HomeOf(key.signal);
    const auto settings = options_.factories.Exporter(key.exporter.type)
                              ->delivery(*exporters_.at(key.exporter).config);
    auto transport = exporter->CreateTransport(key.signal, home, suspect_after);
    if (transport == nullptr) {
      return InvalidArgument(fmt::format("failed to start \"{}\" exporter: no endpoint for {}",
                                         key.exporter.ToString(), otlp::Names(key.signal).name));
    }
    RunningSender running{.exporter = exporter, .suspect_after = suspect_after};
    RunOn(home, [&] {
      auto kept = std::make_shared<SenderWithExporter>(exporter, home, key.exporter.ToString(),
                                                       std::move(transport), settings);
      running.sender = std::shared_ptr<delivery::Sender>(kept, &kept->sender);
    });
    senders_[key] = std::move(running);
  }
  return OkStatus();
}

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

delivery::SendingQueueOptions Collector::QueueOptions(const QueuePlan& plan) const {
  const bool settled = !plan.queue.enabled || plan.queue.wait_for_result;
  delivery::SendingQueueOptions options{
      .name = plan.key.owner.ToString(),
      .signal = plan.key.signal,
      .is_failover = plan.is_failover,
      .queue = plan.queue,
      .max_interval = plan.max_interval,
      .ack = settled ? delivery::Ack::kSettled : delivery::Ack::kStored,
      .withdraw = !plan.queue.enabled,
      .order = plan.order,
      .router = plan.router};
  for (const LevelPlan& level : plan.levels) {
    delivery::QueueLevel& built = options.levels.emplace_back();
    built.name = level.name;
    for (const PathPlan& path : level.paths) {
      delivery::QueueLevel::Path& way = built.paths.emplace_back();
      for (const ProcessorPlan& processor : path.processors) {
        way.processors.push_back(ProcessorOf(processor));
      }
      way.sender = senders_.at({.exporter = path.exporter, .signal = plan.key.signal}).sender;
    }
  }
  return options;
}

Result<std::unique_ptr<journal::Journal>> Collector::OpenJournal(const QueuePlan& plan,
                                                                 net::Worker& home) {
  if (plan.queue.storage && plan.queue.enabled) {
    const std::string name =
        fmt::format("{}_{}_{}_{}", plan.is_failover ? "connector" : "exporter", plan.key.owner.type,
                    plan.key.owner.name, otlp::Names(plan.key.signal).name);
    return storages_.at(*plan.queue.storage).component->Open(name, home);
  }
  std::unique_ptr<journal::Journal> journal =
      std::make_unique<journal::MemoryJournal>(journal::MemoryOptions{.budget = memory_}, home);
  return journal;
}

Status Collector::CreateQueue(const QueuePlan& plan) {
  net::Worker& home = HomeOf(plan.key.signal);
  auto host = std::make_shared<QueueHost>(home, plan);
  const Kind kind = plan.is_failover ? Kind::kConnector : Kind::kExporter;
  auto settings = SettingsFor(kind, plan.key.owner, otlp::Names(plan.key.signal).name);
  auto options = QueueOptions(plan);
  Status status = host->Create([&]() -> Result<std::unique_ptr<delivery::SendingQueue>> {
    ASSIGN_OR_RETURN(auto journal, OpenJournal(plan, home));
    auto stats = std::make_unique<delivery::QueueStats>(
        options_.metrics, delivery::QueueStats::Identity{.name = plan.key.owner.ToString(),
                                                         .signal = plan.key.signal,
                                                         .is_failover = plan.is_failover});
    return std::make_unique<delivery::SendingQueue>(home, std::move(journal), std::move(options),
                                                    settings.log, std::move(stats), RandomSeed());
  });
  if (!status.ok()) {
    return status.Annotate(
        fmt::format("failed to start \"{}\" {}", plan.key.owner.ToString(), NameOf(kind)));
  }
  queues_[plan.key] = std::move(host);
  return OkStatus();
}

Status Collector::StartQueues(ReloadReport& report) {
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
    const QueuePlan& before = running->second->plan();
    if (before == plan && SameSenders(plan)) {
      report.kept.push_back(Called(plan.key));
      continue;
    }
    report.changed.push_back(Called(plan.key));
    if (before.queue.storage == plan.queue.storage && before.queue.enabled == plan.queue.enabled) {
      running->second->Reconfigure(plan, QueueOptions(plan));
      continue;
    }
    // Another kind of journal: the old one empties itself.
    RetireQueue(plan.key);
    RETURN_IF_ERROR(CreateQueue(plan));
  }
  return OkStatus();
}

// A queue whose owner is back in the configuration goes on where it was.
bool Collector::AdoptRetired(const QueuePlan& plan) {
  for (const auto& host : retired_) {
    const QueuePlan& before = host->plan();
    if (before.key == plan.key && before.queue.storage == plan.queue.storage &&
        before.queue.enabled == plan.queue.enabled && host->Reconfigure(plan, QueueOptions(plan))) {
      queues_[plan.key] = host;
      std::erase(retired_, std::shared_ptr(queues_[plan.key]));
      return true;
    }
  }
  return false;
}

void Collector::RetireQueue(const QueueKey& key) {
  auto node = queues_.extract(key);
  std::shared_ptr<QueueHost> host = node.mapped();
  retired_.push_back(host);
  options_.log.Info("Queue left the configuration and goes on until it is empty",
                    {{"owner", key.owner.ToString()}, {"signal", otlp::Names(key.signal).name}});
  host->Retire(*options_.workers.front(), [this, raw = host.get()] {
    std::erase_if(retired_, [raw](const auto& retired) { return retired.get() == raw; });
  });
}

std::shared_ptr<pipeline::Processor> Collector::ProcessorOf(const ProcessorPlan& plan) const {
  return processors_.at(plan).component;
}

std::shared_ptr<pipeline::Consumer> Collector::BuildPipeline(
    const ComponentId& id, std::map<ComponentId, std::shared_ptr<pipeline::Consumer>>& built) {
  if (const auto it = built.find(id); it != built.end()) {
    return it->second;
  }
  const IngestPlan& plan = *std::ranges::find(plan_.pipelines, id, &IngestPlan::pipeline);
  std::vector<FanOut::Member> members;
  for (const QueueKey& key : plan.queues) {
    const auto& host = queues_.at(key);
    members.push_back({.consumer = host->consumer(), .decides = host->plan().decides()});
  }
  for (const ComponentId& next : plan.forwards) {
    members.push_back({.consumer = BuildPipeline(next, built), .decides = true});
  }
  std::shared_ptr<pipeline::Consumer> node = Join(std::move(members));
  if (!plan.processors.empty()) {
    std::vector<std::shared_ptr<pipeline::Processor>> processors;
    for (const ProcessorPlan& processor : plan.processors) {
      processors.push_back(ProcessorOf(processor));
    }
    node = std::make_shared<PipelineNode>(std::move(processors), std::move(node));
  }
  built[id] = node;
  return node;
}

// Points every receiver's junctions at the graph of this configuration.
void Collector::ConnectReceivers() {
  std::map<ComponentId, std::shared_ptr<pipeline::Consumer>> built;
  for (const ReceiverPlan& plan : plan_.receivers) {
    RunningReceiver& receiver = receivers_[plan.receiver];
    if (!receiver.junctions) {
      receiver.junctions = std::make_unique<std::array<Junction, 3>>();
    }
    for (const otlp::Signal signal : otlp::kSignals) {
      const auto index = static_cast<size_t>(signal);
      std::vector<FanOut::Member> members;
      for (const ComponentId& pipeline : plan.pipelines[index]) {
        members.push_back({.consumer = BuildPipeline(pipeline, built), .decides = true});
      }
      (*receiver.junctions)[index].SetTarget(members.empty() ? nullptr : Join(std::move(members)));
    }
  }
}

Status Collector::StartReceiver(const ReceiverPlan& plan) {
  RunningReceiver& receiver = receivers_.at(plan.receiver);
  pipeline::Outputs outputs{};
  for (size_t i = 0; i < outputs.size(); ++i) {
    receiver.signals[i] = !plan.pipelines[i].empty();
    outputs[i] = receiver.signals[i] ? &(*receiver.junctions)[i] : nullptr;
  }
  receiver.config = config_.receivers.at(plan.receiver).config;
  receiver.component =
      options_.factories.Receiver(plan.receiver.type)
          ->create(SettingsFor(Kind::kReceiver, plan.receiver), receiver.config, outputs);
  if (Status status = receiver.component->Start(); !status.ok()) {
    return status.Annotate(
        fmt::format("failed to start \"{}\" receiver", plan.receiver.ToString()));
  }
  return OkStatus();
}

Status Collector::StartReceivers(ReloadReport& report) {
  for (const ReceiverPlan& plan : plan_.receivers) {
    RunningReceiver& receiver = receivers_.at(plan.receiver);
    std::array<bool, 3> signals{};
    for (size_t i = 0; i < signals.size(); ++i) {
      signals[i] = !plan.pipelines[i].empty();
    }
    const bool known = receiver.component != nullptr;
    if (known && receiver.signals == signals &&
        SameConfig(*receiver.config, *config_.receivers.at(plan.receiver).config)) {
      report.kept.push_back(Called(Kind::kReceiver, plan.receiver));
      continue;
    }
    if (known) {
      StopComponent(receiver.component);
    }
    (known ? report.changed : report.started).push_back(Called(Kind::kReceiver, plan.receiver));
    RETURN_IF_ERROR(StartReceiver(plan));
  }
  return OkStatus();
}

// The component ends in its own time and is destroyed afterwards.
void Collector::StopComponent(std::shared_ptr<pipeline::Component> component) {
  pipeline::Component* raw = component.get();
  raw->Shutdown(options_.workers.front()->Now() + std::chrono::seconds(5),
                [this, component = std::move(component)]() mutable {
                  options_.workers.front()->Post([component = std::move(component)] {});
                });
}

void Collector::StopUnused(ReloadReport& report) {
  for (auto it = receivers_.begin(); it != receivers_.end();) {
    const bool wanted = std::ranges::find(plan_.receivers, it->first, &ReceiverPlan::receiver) !=
                        plan_.receivers.end();
    if (wanted) {
      ++it;
      continue;
    }
    report.stopped.push_back(Called(Kind::kReceiver, it->first));
    for (Junction& junction : *it->second.junctions) {
      junction.SetTarget(nullptr);
    }
    // The junctions go with the component: it may still call them while it ends.
    auto gone = std::make_shared<RunningReceiver>(std::move(it->second));
    it = receivers_.erase(it);
    gone->component->Shutdown(
        options_.workers.front()->Now() + std::chrono::seconds(5),
        [this, gone]() mutable { options_.workers.front()->Post([gone = std::move(gone)] {}); });
  }
  std::vector<QueueKey> unused;
  for (const auto& [key, host] : queues_) {
    if (std::ranges::find(plan_.queues, key, &QueuePlan::key) == plan_.queues.end()) {
      unused.push_back(key);
    }
  }
  for (const QueueKey& key : unused) {
    report.stopped.push_back(Called(key));
    RetireQueue(key);
  }
  // Old senders and exporters live on in the queues that still use them.
  for (auto& [key, running] : old_senders_) {
    RunOn(HomeOf(key.signal), [&sender = running.sender] { sender.reset(); });
  }
  old_senders_.clear();
  std::erase_if(exporters_, [this](const auto& entry) {
    return std::ranges::none_of(
        plan_.senders, [&](const auto& sender) { return sender.first.exporter == entry.first; });
  });
  for (auto it = extensions_.begin(); it != extensions_.end();) {
    if (std::ranges::find(config_.service_extensions, it->first, &Reference::id) !=
        config_.service_extensions.end()) {
      ++it;
      continue;
    }
    report.stopped.push_back(Called(Kind::kExtension, it->first));
    StopComponent(it->second.component);
    it = extensions_.erase(it);
  }
}

}  // namespace gapless::service
