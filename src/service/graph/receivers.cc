#include "service/graph/receivers.h"

#include "service/graph/queue_set.h"

namespace gapless::service {
namespace {

using ConsumerPtr = std::shared_ptr<pipeline::Consumer>;

// The consumers of a plan's pipelines; each is made once.
class Pipelines {
 public:
  Pipelines(const Plan& plan, const Processors& processors, const QueueSet& queues)
      : plan_(plan), processors_(processors), queues_(queues) {}

  // Null: there are none.
  ConsumerPtr Into(const std::vector<ComponentId>& pipelines) {
    std::vector<FanOut::Member> members;
    for (const ComponentId& id : pipelines) {
      members.push_back({.consumer = At(id), .decides = true});
    }
    return members.empty() ? nullptr : Join(std::move(members));
  }

 private:
  ConsumerPtr At(const ComponentId& id) {
    if (const auto it = built_.find(id); it != built_.end()) {
      return it->second;
    }
    const IngestPlan& plan = *std::ranges::find(plan_.pipelines, id, &IngestPlan::pipeline);
    std::vector<FanOut::Member> members;
    for (const QueueKey& key : plan.queues) {
      const QueueHost& host = *queues_.active().at(key);
      members.push_back({.consumer = host.consumer(), .decides = host.plan().decides()});
    }
    for (const ComponentId& next : plan.forwards) {
      members.push_back({.consumer = At(next), .decides = true});
    }
    ConsumerPtr node = Join(std::move(members));
    if (!plan.processors.empty()) {
      std::vector<std::shared_ptr<pipeline::Processor>> processors;
      for (const ProcessorPlan& processor : plan.processors) {
        processors.push_back(processors_.parts().at(processor).component);
      }
      node = std::make_shared<PipelineNode>(std::move(processors), std::move(node));
    }
    return built_[id] = node;
  }

  const Plan& plan_;
  const Processors& processors_;
  const QueueSet& queues_;
  std::map<ComponentId, ConsumerPtr> built_;
};

}  // namespace

void Receivers::Connect(const Plan& plan, const Processors& processors, const QueueSet& queues) {
  Pipelines pipelines(plan, processors, queues);
  std::map<ComponentId, std::shared_ptr<Junctions>> next;
  for (const ReceiverPlan& receiver : plan.receivers) {
    const auto known = junctions_.find(receiver.receiver);
    auto junctions = known != junctions_.end() ? known->second : std::make_shared<Junctions>();
    for (size_t i = 0; i < junctions->size(); ++i) {
      (*junctions)[i].SetTarget(pipelines.Into(receiver.pipelines[i]));
    }
    next[receiver.receiver] = std::move(junctions);
  }
  junctions_ = std::move(next);
}

// The junctions go with the component: it still calls them while it ends.
std::shared_ptr<pipeline::Component> Receivers::Make(const ComponentId& id,
                                                     const Set::Part& part) const {
  struct Connected {
    std::shared_ptr<Junctions> junctions;
    std::unique_ptr<pipeline::Component> component;
  };
  auto receiver = std::make_shared<Connected>(Connected{junctions_.at(id), nullptr});
  pipeline::Outputs outputs{};
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i] = part.signals[i] ? &(*receiver->junctions)[i] : nullptr;
  }
  receiver->component = context_.factories.Receiver(id.type)->create(
      context_.SettingsFor(Kind::kReceiver, id), part.config, outputs);
  return {receiver, receiver->component.get()};
}

Status Receivers::Bring(const Change& change, const Processors& processors,
                        const QueueSet& queues) {
  Connect(change.plan, processors, queues);
  Set::Wanted wanted;
  for (const ReceiverPlan& plan : change.plan.receivers) {
    Set::Part part{.config = change.config.receivers.at(plan.receiver).config};
    for (size_t i = 0; i < part.signals.size(); ++i) {
      part.signals[i] = !plan.pipelines[i].empty();
    }
    wanted.emplace_back(plan.receiver, std::move(part));
  }
  for (auto& gone : receivers_.TakeOut(wanted, change.report)) {
    context_.End(std::move(gone));
  }
  return receivers_.Start(wanted, change.report, std::bind_front(&Receivers::Make, this));
}

}  // namespace gapless::service
