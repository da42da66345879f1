#include "service/graph/components.h"

#include "pipeline/metered_processor.h"

namespace gapless::service {
namespace {

// A component that left has this long for what is in it.
constexpr Duration kEndTime = std::chrono::seconds(5);

auto WantedExtensions(const GraphContext& context, const Change& change) {
  ComponentSet<ComponentId, pipeline::Component>::Wanted wanted;
  for (const Reference& reference : change.config.service_extensions) {
    if (context.factories.Extension(reference.id.type) != nullptr) {  // else a storage
      wanted.push_back({reference.id, {change.config.extensions.at(reference.id).config}});
    }
  }
  return wanted;
}

Exporters::Wanted WantedExporters(const Change& change) {
  Exporters::Wanted wanted;
  for (const auto& [sender, patience] : change.plan.senders) {
    if (wanted.empty() || wanted.back().first != sender.exporter) {
      wanted.push_back({sender.exporter, {change.config.exporters.at(sender.exporter).config}});
    }
  }
  return wanted;
}

Processors::Wanted WantedProcessors(const Change& change) {
  Processors::Wanted wanted;
  const auto add = [&](const std::vector<ProcessorPlan>& plans) {
    for (const ProcessorPlan& plan : plans) {
      if (std::ranges::find(wanted, plan, &Processors::Wanted::value_type::first) == wanted.end()) {
        wanted.push_back({plan, {change.config.processors.at(plan.id).config}});
      }
    }
  };
  for (const IngestPlan& pipeline : change.plan.pipelines) {
    add(pipeline.processors);
  }
  for (const QueuePlan& queue : change.plan.queues) {
    for (const LevelPlan& level : queue.levels) {
      for (const PathPlan& path : level.paths) {
        add(path.processors);
      }
    }
  }
  return wanted;
}

}  // namespace

pipeline::Settings GraphContext::SettingsFor(Kind kind, const ComponentId& id,
                                             std::string_view signal) const {
  telemetry::Logger named =
      log.With({{"otelcol.component.id", id.ToString()}, {"otelcol.component.kind", NameOf(kind)}});
  if (!signal.empty()) {
    named = named.With({{"otelcol.signal", signal}});
  }
  return {.id = id, .log = named, .metrics = metrics, .workers = workers, .memory = memory};
}

void GraphContext::End(std::shared_ptr<pipeline::Component> component) const {
  pipeline::Component* raw = component.get();
  raw->Shutdown(control().Now() + kEndTime,
                [&control = control(), component = std::move(component)]() mutable {
                  control.Post([component = std::move(component)] {});
                });
}

Status Components::BringExtensions(const Change& change) {
  const auto wanted = WantedExtensions(context_, change);
  for (auto& gone : extensions_.TakeOut(wanted, change.report)) {
    context_.End(std::move(gone));
  }
  return extensions_.Start(wanted, change.report, [this](const ComponentId& id, const auto& part) {
    return context_.factories.Extension(id.type)->create(context_.SettingsFor(Kind::kExtension, id),
                                                         part.config, status_);
  });
}

Status Components::StartExporters(const Change& change) {
  return exporters_.Start(WantedExporters(change), change.report,
                          [this](const ComponentId& id, const auto& part) {
                            return context_.factories.Exporter(id.type)->create(
                                context_.SettingsFor(Kind::kExporter, id), part.config);
                          });
}

Status Components::StartProcessors(const Change& change) {
  return processors_.Start(
      WantedProcessors(change), change.report, [this](const ProcessorPlan& plan, const auto& part) {
        const auto signal = *otlp::ParseSignal(plan.pipeline.type);
        const auto settings = context_.SettingsFor(Kind::kProcessor, plan.id);
        return std::make_shared<pipeline::MeteredProcessor>(
            settings, signal,
            context_.factories.Processor(plan.id.type)->create(settings, part.config, signal));
      });
}

// Exporters live on, and are not asked to end, in the queues that still use them.
void Components::StopUnused(const Change& change) {
  exporters_.TakeOut(WantedExporters(change), change.report);
  for (auto& gone : processors_.TakeOut(WantedProcessors(change), change.report)) {
    context_.End(std::move(gone));
  }
}

void Components::Shutdown(TimePoint deadline, const std::function<void()>& done) const {
  exporters_.Shutdown(deadline, done);
  processors_.Shutdown(deadline, done);
  extensions_.Shutdown(deadline, done);
}

}  // namespace gapless::service
