#include "service/plan/part_names.h"

#include <fmt/format.h>

namespace gapless::service {

std::string Called(Kind kind, const ComponentId& id) {
  return fmt::format("{} {}", NameOf(kind), id.ToString());
}

std::string Called(const QueueKey& key) {
  return fmt::format("queue {} ({})", key.owner.ToString(), otlp::Names(key.signal).name);
}

std::string Called(Kind kind, const ProcessorPlan& plan) {
  return fmt::format("{} {} in {}", NameOf(kind), plan.id.ToString(), plan.pipeline.ToString());
}

Status FailedToStart(Kind kind, const ComponentId& id, const Status& status) {
  return status.Annotate(fmt::format("failed to start \"{}\" {}", id.ToString(), NameOf(kind)));
}

std::string JournalName(const QueuePlan& plan) {
  return fmt::format("{}_{}_{}_{}", plan.is_failover ? "connector" : "exporter",
                     plan.key.owner.type, plan.key.owner.name, otlp::Names(plan.key.signal).name);
}

bool SameConfig(const pipeline::ComponentConfig& a, const pipeline::ComponentConfig& b) {
  return a.Print(config::Secrets::kRevealed) == b.Print(config::Secrets::kRevealed);
}

}  // namespace gapless::service
