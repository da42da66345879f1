// The pipelines in front of the queues, and the receivers that feed them.
#include "service/graph/collector.h"
#include "service/plan/part_names.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::service {
namespace {

// Those that drain answer what is in flight within this time.
constexpr Duration kDrainTime = std::chrono::seconds(5);

std::array<bool, 3> SignalsOf(const ReceiverPlan& plan) {
  std::array<bool, 3> signals{};
  for (size_t i = 0; i < signals.size(); ++i) {
    signals[i] = !plan.pipelines[i].empty();
  }
  return signals;
}

}  // namespace

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
      receiver.junctions = std::make_shared<std::array<Junction, 3>>();
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

// Those that left or changed, before others want their ports. They go on with the requests that
// they have; their sockets stay open for whoever listens there next.
void Collector::StopReceivers(ReloadReport& report) {
  for (auto it = receivers_.begin(); it != receivers_.end();) {
    auto& [id, receiver] = *it;
    const auto plan = std::ranges::find(plan_.receivers, id, &ReceiverPlan::receiver);
    const bool wanted = plan != plan_.receivers.end();
    if (receiver.component != nullptr && wanted && receiver.signals == SignalsOf(*plan) &&
        SameConfig(*receiver.config, *config_.receivers.at(id).config)) {
      report.kept.push_back(Called(Kind::kReceiver, id));
      ++it;
      continue;
    }
    if (receiver.component != nullptr) {
      (wanted ? report.restarted : report.stopped).push_back(Called(Kind::kReceiver, id));
      // The junctions go with the component: it still calls them while it ends.
      auto gone = std::make_shared<RunningReceiver>(receiver);
      gone->component->Shutdown(
          options_.workers.front()->Now() + kDrainTime,
          [this, gone]() mutable { options_.workers.front()->Post([gone = std::move(gone)] {}); });
      receiver.component = nullptr;
    }
    it = wanted ? std::next(it) : receivers_.erase(it);
  }
}

Status Collector::StartReceivers(ReloadReport& report) {
  for (const ReceiverPlan& plan : plan_.receivers) {
    RunningReceiver& receiver = receivers_.at(plan.receiver);
    if (receiver.component != nullptr) {
      continue;
    }
    receiver.signals = SignalsOf(plan);
    receiver.config = config_.receivers.at(plan.receiver).config;
    pipeline::Outputs outputs{};
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = receiver.signals[i] ? &(*receiver.junctions)[i] : nullptr;
    }
    std::shared_ptr<pipeline::Component> component =
        options_.factories.Receiver(plan.receiver.type)
            ->create(SettingsFor(Kind::kReceiver, plan.receiver), receiver.config, outputs);
    if (Status status = component->Start(); !status.ok()) {
      StopComponent(std::move(component));
      return status.Annotate(
          fmt::format("failed to start \"{}\" receiver", plan.receiver.ToString()));
    }
    receiver.component = std::move(component);
    if (std::string name = Called(Kind::kReceiver, plan.receiver);
        std::ranges::find(report.restarted, name) == report.restarted.end()) {
      report.started.push_back(std::move(name));
    }
  }
  return OkStatus();
}

}  // namespace gapless::service
