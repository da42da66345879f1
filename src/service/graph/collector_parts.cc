// Extensions, storages, exporters, processors and senders, each brought from what runs to what is
// wanted: unchanged ones are kept. Queues: collector_queues.cc; receivers: collector_receivers.cc.
#include "base/rng.h"
#include "pipeline/metered_processor.h"
#include "service/graph/collector.h"
#include "service/plan/part_names.h"
#include "telemetry/inventory.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace gapless::service {
namespace {

// A transport never outlives its exporter, also where a retired queue holds the last reference.
struct SenderWithExporter {
  SenderWithExporter(std::shared_ptr<sending::Exporter> of, net::Worker& home, std::string name,
                     std::unique_ptr<sending::Transport> transport,
                     const sending::DeliverySettings& settings,
                     std::move_only_function<std::unique_ptr<sending::Transport>()> make_spare)
      : exporter(std::move(of)),
        sender(home, std::move(name), std::move(transport), settings, RandomSeed()) {
    sender.SetSpare(std::move(make_spare));
  }

  std::shared_ptr<sending::Exporter> exporter;
  sending::Sender sender;
};

}  // namespace

// Those that left or changed, before others want their ports.
void Collector::StopExtensions(ReloadReport& report) {
  for (auto it = extensions_.begin(); it != extensions_.end();) {
    const bool wanted = std::ranges::find(config_.service_extensions, it->first, &Reference::id) !=
                        config_.service_extensions.end();
    if (wanted && SameConfig(*it->second.config, *config_.extensions.at(it->first).config)) {
      report.kept.push_back(Called(Kind::kExtension, it->first));
      ++it;
      continue;
    }
    (wanted ? report.restarted : report.stopped).push_back(Called(Kind::kExtension, it->first));
    StopComponent(it->second.component);
    it = extensions_.erase(it);
  }
}

Status Collector::StartExtensions(ReloadReport& report) {
  for (const Reference& reference : config_.service_extensions) {
    const ComponentDef& def = config_.extensions.at(reference.id);
    const auto* factory = options_.factories.Extension(reference.id.type);
    if (factory == nullptr || extensions_.contains(reference.id)) {
      continue;  // a storage, or it runs
    }
    std::shared_ptr<pipeline::Component> extension =
        factory->create(SettingsFor(Kind::kExtension, reference.id), def.config, health_);
    if (Status status = extension->Start(); !status.ok()) {
      return status.Annotate(
          fmt::format("failed to start \"{}\" extension", reference.id.ToString()));
    }
    extensions_[reference.id] = {.component = extension, .config = def.config};
    if (std::string name = Called(Kind::kExtension, reference.id);
        std::ranges::find(report.restarted, name) == report.restarted.end()) {
      report.started.push_back(std::move(name));
    }
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
    if (running != storages_.end()) {
      options_.log.Warn("The storage's new settings hold for journals opened from now on",
                        {{"storage", id.ToString()}});
    }
    storages_[id] = {.component = factory->create(SettingsFor(Kind::kExtension, id), config),
                     .config = config};
    left_journals_.erase(id);
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
    std::shared_ptr<sending::Exporter> exporter =
        options_.factories.Exporter(id.type)->create(SettingsFor(Kind::kExporter, id), def.config);
    if (Status status = exporter->Start(); !status.ok()) {
      return status.Annotate(fmt::format("failed to start \"{}\" exporter", id.ToString()));
    }
    (running != exporters_.end() ? report.restarted : report.started)
        .push_back(Called(Kind::kExporter, id));
    exporters_[id] = {.component = std::move(exporter), .config = def.config};
  }
  return OkStatus();
}

Status Collector::StartProcessors(ReloadReport& report) {
  std::map<ProcessorPlan, Running<pipeline::Processor>> next;
  const auto start = [&](const ProcessorPlan& plan, otlp::Signal signal) -> Status {
    if (next.contains(plan)) {
      return OkStatus();
    }
    const ComponentDef& def = config_.processors.at(plan.id);
    const auto running = processors_.find(plan);
    if (running != processors_.end() && SameConfig(*running->second.config, *def.config)) {
      next[plan] = running->second;
      report.kept.push_back(Called(plan));
      return OkStatus();
    }
    const pipeline::Settings settings = SettingsFor(Kind::kProcessor, plan.id);
    std::shared_ptr<pipeline::Processor> processor = std::make_shared<pipeline::MeteredProcessor>(
        settings, signal,
        options_.factories.Processor(plan.id.type)->create(settings, def.config, signal));
    if (Status status = processor->Start(); !status.ok()) {
      return status.Annotate(fmt::format("failed to start \"{}\" processor", plan.id.ToString()));
    }
    (running != processors_.end() ? report.restarted : report.started).push_back(Called(plan));
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
  for (auto& [plan, running] : processors_) {
    const auto stays = next.find(plan);
    if (stays == next.end()) {
      report.stopped.push_back(Called(plan));
    }
    if (stays == next.end() || stays->second.component != running.component) {
      old_processors_.push_back(std::move(running.component));
    }
  }
  processors_ = std::move(next);
  return OkStatus();
}

sending::SenderMetrics Collector::MetricsOf(const SenderKey& key) const {
  using telemetry::Metric;
  const std::string exporter = key.exporter.ToString();
  return {.peer = exporters_.at(key.exporter).component->PeerLabels(key.signal),
          .in_flight = options_.metrics.GetGauge(
              Metric("otelcol_exporter_in_flight_requests"),
              {{"exporter", exporter}, {"data_type", std::string(otlp::Names(key.signal).name)}}),
          .size = options_.metrics.GetHistogram(Metric("otelcol_exporter_queue_batch_send_size"),
                                                {{"exporter", exporter}}),
          .bytes = options_.metrics.GetHistogram(
              Metric("otelcol_exporter_queue_batch_send_size_bytes"), {{"exporter", exporter}})};
}

Status Collector::StartSenders() {
  // What a reload that failed half-way left behind still runs.
  senders_.merge(old_senders_);
  ReleaseOldSenders();
  old_senders_ = std::exchange(senders_, {});
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
      running.drill = std::make_shared<sending::Drill>(home);
      transport =
          std::make_unique<sending::DrillTransport>(home, running.drill, std::move(transport));
      auto spare = [of = exporter.get(), signal = key.signal, &home, suspect = suspect_after,
                    drill = running.drill]() -> std::unique_ptr<sending::Transport> {
        return std::make_unique<sending::DrillTransport>(
            home, drill, of->CreateTransport(signal, home, suspect));
      };
      auto kept =
          std::make_shared<SenderWithExporter>(exporter, home, key.exporter.ToString(),
                                               std::move(transport), settings, std::move(spare));
      kept->sender.SetMetrics(MetricsOf(key));
      running.sender = std::shared_ptr<sending::Sender>(kept, &kept->sender);
    });
    senders_[key] = std::move(running);
  }
  return OkStatus();
}

// On their home workers: a sender's timers and connections live there.
void Collector::ReleaseOldSenders() {
  for (auto& [key, running] : old_senders_) {
    RunOn(HomeOf(key.signal), [&running] { running = RunningSender(); });
  }
  old_senders_.clear();
}

// The component ends in its own time and is destroyed afterwards.
void Collector::StopComponent(std::shared_ptr<pipeline::Component> component) {
  pipeline::Component* raw = component.get();
  raw->Shutdown(options_.workers.front()->Now() + std::chrono::seconds(5),
                [this, component = std::move(component)]() mutable {
                  options_.workers.front()->Post([component = std::move(component)] {});
                });
}

// Old senders and exporters live on in the queues that still use them.
void Collector::StopUnused(ReloadReport& report) {
  ReleaseOldSenders();
  for (auto it = exporters_.begin(); it != exporters_.end();) {
    if (std::ranges::any_of(plan_.senders, [&it](const auto& sender) {
          return sender.first.exporter == it->first;
        })) {
      ++it;
      continue;
    }
    report.stopped.push_back(Called(Kind::kExporter, it->first));
    it = exporters_.erase(it);
  }
  for (auto& processor : std::exchange(old_processors_, {})) {
    StopComponent(std::move(processor));
  }
  ForgetMetrics();
}

// Series of components that left, once nothing of them runs any more.
void Collector::ForgetMetrics() {
  std::set<std::pair<std::string_view, std::string>> present;
  for (const ReceiverPlan& plan : plan_.receivers) {
    present.emplace("receiver", plan.receiver.ToString());
  }
  for (const auto& [plan, running] : processors_) {
    present.emplace("processor", plan.id.ToString());
  }
  for (const auto& [key, running] : senders_) {
    present.emplace("exporter", key.exporter.ToString());
  }
  const auto add_queue = [&present](const QueuePlan& plan) {
    for (const std::string_view label : {"exporter", "journal", "connector"}) {
      present.emplace(label, plan.key.owner.ToString());
    }
    for (const LevelPlan& level : plan.levels) {
      for (const PathPlan& path : level.paths) {
        present.emplace("exporter", path.exporter.ToString());
      }
    }
  };
  for (const auto& [key, host] : queues_) {
    add_queue(host->plan());
  }
  for (const auto& host : retired_) {
    add_queue(host->plan());
  }
  for (const auto& [label, id] : measured_) {
    if (!present.contains({label, id})) {
      options_.metrics.Remove(label, id);
    }
  }
  measured_ = std::move(present);
}

}  // namespace gapless::service
