#include "service/graph/senders.h"

#include "net/loop/run_on.h"

namespace gapless::service {

Senders::~Senders() {
  Release(running_);
  Release(former_);
}

// On their home workers: a sender's timers and connections live there.
void Senders::Release(std::map<SenderKey, Running>& senders) const {
  for (auto& [key, running] : senders) {
    RunOn(context_.HomeOf(key.signal), [&running] { running = Running(); });
  }
  senders.clear();
}

Status Senders::Start(const Plan& plan, const Exporters& exporters) {
  // What a change that failed half-way left behind still runs.
  running_.merge(former_);
  ReleaseFormer();
  former_ = std::exchange(running_, {});
  for (const auto& [key, suspect_after] : plan.senders) {
    const Exporters::Part& exporter = exporters.parts().at(key.exporter);
    const auto former = former_.find(key);
    if (former != former_.end() && former->second.exporter == exporter.component &&
        former->second.suspect_after == suspect_after) {
      running_[key] = former->second;
      continue;
    }
    ASSIGN_OR_RETURN(running_[key], Make(key, exporter, suspect_after));
  }
  return OkStatus();
}

Result<Senders::Running> Senders::Make(const SenderKey& key, const Exporters::Part& exporter,
                                       Duration suspect_after) const {
  net::Worker& home = context_.HomeOf(key.signal);
  auto transport = exporter.component->CreateTransport(key.signal, home, suspect_after);
  if (transport == nullptr) {
    return FailedToStart(
        Kind::kExporter, key.exporter,
        InvalidArgument("no endpoint for " + std::string(otlp::Names(key.signal).name)));
  }
  Running running{.exporter = exporter.component, .suspect_after = suspect_after};
  const sending::ExporterSenderOptions options{
      .exporter = exporter.component,
      .name = key.exporter.ToString(),
      .signal = key.signal,
      .delivery = context_.factories.Exporter(key.exporter.type)->delivery(*exporter.config),
      .suspect_after = suspect_after,
      .metrics = context_.metrics};
  RunOn(home,
        [&] { running.made = sending::MakeExporterSender(options, home, std::move(transport)); });
  return running;
}

bool Senders::Stayed(const QueuePlan& plan) const {
  return std::ranges::all_of(plan.levels, [&](const LevelPlan& level) {
    return std::ranges::all_of(level.paths, [&](const PathPlan& path) {
      const SenderKey key{.exporter = path.exporter, .signal = plan.key.signal};
      const auto former = former_.find(key);
      return former != former_.end() && former->second.made.sender == at(key);
    });
  });
}

bool Senders::BeginDrill(const SenderKey& key, sending::Outage outage, Duration duration) const {
  const auto running = running_.find(key);
  if (running != running_.end()) {
    RunOn(context_.HomeOf(key.signal), [&drill = *running->second.made.drill, outage, duration] {
      drill.Begin(outage, duration);
    });
  }
  return running != running_.end();
}

}  // namespace gapless::service
