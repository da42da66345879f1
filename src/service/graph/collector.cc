#include "service/graph/collector.h"

#include "base/clock.h"
#include "base/together.h"
#include "service/graph/status.h"

namespace gapless::service {

Collector::Collector(GraphContext context)
    : context_(std::move(context)), queues_(context_, components_.processors(), senders_, [this] {
        ForgetMetrics(target_.plan);
        Prepare();
      }) {}

void Collector::Apply(Config config, Plan plan, Done done) {
  done_ = std::move(done);
  next_ = std::make_unique<Target>(
      Target{.config = std::move(config),
             .plan = std::move(plan),
             .journals = std::make_unique<Journals>(context_, [this] { Prepare(); })});
  const Status status =
      next_->journals->MakeStorages(next_->config, next_->plan, target_.journals.get());
  status.ok() ? Prepare() : Finish(status);
}

// Called again when something has come that it waits for, until nothing is missing.
void Collector::Prepare() {
  if (!next_ || ending_) {
    return;
  }
  Journals& journals = *next_->journals;
  Status status;
  bool waiting = false;
  for (const QueuePlan& plan : next_->plan.queues) {
    if (!Journals::IsDurable(plan)) {
      continue;
    }
    const auto where = queues_.WhereIs(plan, journals.PlaceOf(plan));
    waiting = waiting || where == QueueSet::Where::kClosing;
    if (where == QueueSet::Where::kNowhere) {
      journals.Recover(plan);
      status = status.ok() ? journals.Recovered(plan) : status;
    }
  }
  left_journals_.Prepare(next_->plan, journals);
  if (!waiting && !journals.disk().busy()) {
    Finish(std::move(status));
  }
}

void Collector::Finish(Status status) {
  std::unique_ptr<Target> next = std::move(next_);
  const bool starting = target_.journals == nullptr;
  ReloadReport report;
  if (status.ok()) {
    status = Bring(*next, report);
    if (status.ok()) {
      std::swap(target_, *next);
      left_journals_.TakeCare({target_.config, target_.plan, *target_.journals, report}, queues_);
      LogPlan(next->plan);
    } else if (ReloadReport back; !starting) {
      if (const Status restored = Bring(target_, back); !restored.ok()) {
        context_.log.Error("The former configuration could not be brought back as a whole",
                           {{"error", restored.message()}});
      }
    }
    queues_.RetireLeaving();
  }
  PublishStatus();
  if (starting && status.ok()) {
    health_.SetReady(true, context_.control().WallNow());
  }
  context_.control().DeferDelete(std::move(next));  // its journals may have called this
  std::exchange(done_, nullptr)(status.ok() ? Result<ReloadReport>(std::move(report)) : status);
}

// Consumers before producers: when a receiver sends, everything behind it stands. What left or
// changed gives its ports back before others want them.
Status Collector::Bring(const Target& target, ReloadReport& report) {
  const Change change{target.config, target.plan, *target.journals, report};
  const std::pair<std::string_view, std::function<Status()>> steps[] = {
      {"extensions", [&] { return components_.BringExtensions(change); }},
      {"exporters", [&] { return components_.StartExporters(change); }},
      {"processors", [&] { return components_.StartProcessors(change); }},
      {"senders", [&] { return senders_.Start(change.plan, components_.exporters()); }},
      {"queues", [&] { return queues_.Bring(change); }},
      {"receivers", [&] { return receivers_.Bring(change, components_.processors(), queues_); }},
      {"unused parts",
       [&] {
         senders_.ReleaseFormer();
         components_.StopUnused(change);
         ForgetMetrics(change.plan);
         return OkStatus();
       }},
  };
  for (const auto& [name, run] : steps) {
    const TimePoint begin = MonotonicNow();
    RETURN_IF_ERROR(run());
    context_.log.Debug("Brought to the configuration",
                       {{"step", name}, {"took", MonotonicNow() - begin}});
  }
  return OkStatus();
}

// What the plan does that is not written in the configuration, and what an OK promises; after a
// reload only what is new.
void Collector::LogPlan(const Plan& former) const {
  for (const std::string& note : target_.plan.notes) {
    if (std::ranges::find(former.notes, note) == former.notes.end()) {
      context_.log.Info(note);
    }
  }
  for (const auto& [key, host] : queues_.active()) {
    const auto before = std::ranges::find(former.queues, key, &QueuePlan::key);
    if (before != former.queues.end() && before->queue == host->plan().queue) {
      continue;
    }
    context_.log.Info("Queue", {{"owner", key.owner.ToString()},
                                {"signal", otlp::Names(key.signal).name},
                                {"tier", host->tier()},
                                {"queue_size", host->plan().queue.queue_size},
                                {"answers_when", host->plan().decides() ? "delivered" : "stored"}});
  }
}

// Series of components that left, once nothing of them runs any more.
void Collector::ForgetMetrics(const Plan& plan) {
  std::set<std::pair<std::string_view, std::string>> present;
  for (const ReceiverPlan& receiver : plan.receivers) {
    present.emplace("receiver", receiver.receiver.ToString());
  }
  for (const auto& [processor, part] : components_.processors().parts()) {
    present.emplace("processor", processor.id.ToString());
  }
  for (const auto& [sender, patience] : plan.senders) {
    present.emplace("exporter", sender.exporter.ToString());
  }
  for (const auto& host : queues_.all()) {
    for (const std::string_view label : {"exporter", "journal", "connector"}) {
      present.emplace(label, host->plan().key.owner.ToString());
    }
    for (const LevelPlan& level : host->plan().levels) {
      for (const PathPlan& path : level.paths) {
        present.emplace("exporter", path.exporter.ToString());
      }
    }
  }
  for (const auto& [label, id] : measured_) {
    if (!present.contains({label, id})) {
      context_.metrics.Remove(label, id);
    }
  }
  measured_ = std::move(present);
}

void Collector::Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount)> done) {
  health_.SetReady(false, {});
  ending_ = true;
  if (next_) {
    next_->journals->disk().Cancel();
  }
  // Receivers wait for the answers to their requests, also of queues that left the configuration.
  queues_.StopBlocking();
  receivers_.Shutdown(
      deadline, Together(lifetime_.Guard([this, deadline, done = std::move(done)]() mutable {
        queues_.Shutdown(deadline, [this, deadline,
                                    done = std::move(done)](journal::Amount left) mutable {
          components_.Shutdown(
              deadline,
              Together(lifetime_.Guard([left, done = std::move(done)]() mutable { done(left); })));
        });
      })));
}

void Collector::Operate(const OperatorWish& wish,
                        std::move_only_function<void(const Result<OperatorAnswer>&)> done) {
  service::Operate(
      context_, queues_, senders_, wish,
      lifetime_.Guard([this, done = std::move(done)](const Result<OperatorAnswer>& answer) mutable {
        PublishStatus();
        done(answer);
      }));
}

void Collector::PublishStatus() {
  if (ending_) {
    return;
  }
  pipeline::ServiceStatus status{.taken = context_.control().WallNow(),
                                 .workers = context_.workers.size(),
                                 .memory_used = context_.memory ? context_.memory->used() : 0,
                                 .memory_limit = context_.memory ? context_.memory->limit() : 0,
                                 .pipelines = DescribePipelines(target_.config),
                                 .extensions = IdsOf(target_.config.service_extensions),
                                 .queues = {}};
  for (const auto& host : queues_.all()) {
    if (!host->closing()) {
      const bool leaving = status.queues.size() >= queues_.active().size();
      status.queues.push_back(DescribeQueue(host->plan(), host->status(), host->tier()));
      status.queues.back().leaving = leaving;
    }
  }
  health_.SetStatus(std::move(status));
}

}  // namespace gapless::service
