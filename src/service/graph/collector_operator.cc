// What an operator wishes of a failover connector, carried out.
#include "config/nearest.h"
#include "service/graph/collector.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using routing::Override;

// The answers of several queues, given when the last one came. Control worker.
struct Gathering {
  OperatorAnswer answer;
  size_t waiting = 1;
  std::move_only_function<void(const Result<OperatorAnswer>&)> done;

  void OneLess() {
    if (--waiting == 0) {
      done(std::move(answer));
    }
  }
};

std::vector<std::string> NamesOf(const QueuePlan& plan) {
  std::vector<std::string> names;
  for (const LevelPlan& level : plan.levels) {
    names.push_back(level.name);
  }
  return names;
}

std::string_view ResultOf(OperatorVerb verb) {
  switch (verb) {
    case OperatorVerb::kSwitch:
    case OperatorVerb::kForce:
      return "forced";
    case OperatorVerb::kDrain:
      return "drained";
    case OperatorVerb::kAuto:
      return "auto";
    case OperatorVerb::kProbe:
      return "probed";
    case OperatorVerb::kDrill:
      return "drill";
  }
  return "";
}

// A switch means this level alone: what was forced before is no longer.
void SetWord(queue::SendingQueue& queue, size_t level, OperatorVerb verb) {
  if (verb == OperatorVerb::kSwitch) {
    queue.SetOverride(level, Override::kForced);
    const auto levels = queue.status().levels;
    for (size_t i = 0; i < levels.size(); ++i) {
      if (i != level && levels[i].word == Override::kForced) {
        queue.SetOverride(i, Override::kAuto);
      }
    }
    return;
  }
  queue.SetOverride(level,
                    verb == OperatorVerb::kDrain
                        ? Override::kDrained
                        : (verb == OperatorVerb::kForce ? Override::kForced : Override::kAuto));
}

// The answer comes later. One that never comes (the queue was changed meanwhile) still leaves the
// gathering to the control worker.
void ProbeLevel(const QueueHost& host, size_t level, net::Worker& control,
                const std::shared_ptr<Gathering>& gathering) {
  const size_t place = gathering->answer.levels.size() - 1;
  ++gathering->waiting;
  host.With([&](queue::SendingQueue& queue) {
    queue.Probe(level, [&control, gathering, place](const sending::AttemptResult& result) {
      control.Post(
          [gathering, place, outcome = ToString(result.outcome), error = result.status.message()] {
            gathering->answer.levels[place].result = outcome;
            gathering->answer.levels[place].error = error;
            gathering->OneLess();
          });
    });
  });
}

}  // namespace

Result<std::vector<std::shared_ptr<QueueHost>>> Collector::QueuesOf(
    const OperatorWish& wish) const {
  std::vector<std::shared_ptr<QueueHost>> hosts;
  std::vector<std::string> known;
  for (const auto& [key, host] : queues_) {
    if (!host->plan().is_failover) {
      continue;
    }
    known.push_back(key.owner.ToString());
    if (known.back() == wish.connector && (!wish.signal || *wish.signal == key.signal)) {
      hosts.push_back(host);
    }
  }
  if (hosts.empty()) {
    known.erase(std::ranges::unique(known).begin(), known.end());
    return NotFound(fmt::format(
        "no failover connector \"{}\"{}; there are: {}{}", wish.connector,
        wish.signal ? fmt::format(" for {}", otlp::Names(*wish.signal).name) : std::string(),
        fmt::join(known, ", "), config::NearestHint(wish.connector, known)));
  }
  return hosts;
}

// Whoever else uses these exporters for the signal takes part in the drill.
void Collector::BeginDrill(const QueuePlan& plan, size_t level, const OperatorWish& wish) {
  for (const PathPlan& path : plan.levels[level].paths) {
    const SenderKey key{.exporter = path.exporter, .signal = plan.key.signal};
    const auto running = senders_.find(key);
    if (running == senders_.end()) {
      continue;
    }
    RunOn(HomeOf(key.signal),
          [&drill = *running->second.drill, &wish] { drill.Begin(wish.outage, wish.duration); });
    options_.log.Unsampled().Warn("failover: a drill begins, the destination is played dead",
                                  {{"connector", wish.connector},
                                   {"signal", otlp::Names(key.signal).name},
                                   {"destination", path.exporter.ToString()},
                                   {"for", wish.duration}});
  }
}

void Collector::Operate(const OperatorWish& wish,
                        std::move_only_function<void(const Result<OperatorAnswer>&)> done) {
  const auto hosts = QueuesOf(wish);
  if (!hosts.ok()) {
    done(hosts.status());
    return;
  }
  std::vector<std::optional<size_t>> only(hosts->size());
  for (size_t i = 0; wish.level && i < hosts->size(); ++i) {
    const auto level = FindLevel(NamesOf((*hosts)[i]->plan()), *wish.level);
    if (!level.ok()) {
      done(level.status());
      return;
    }
    only[i] = *level;
  }
  for (size_t i = 0; wish.verb == OperatorVerb::kDrill && i < hosts->size(); ++i) {
    if (!only[i]) {
      only[i] = (*hosts)[i]->status().active.value_or(0);
    }
  }
  net::Worker& control = *options_.workers.front();
  std::shared_ptr<Gathering> gathering(new Gathering, [&control](Gathering* ended) {
    control.Post([owned = std::unique_ptr<Gathering>(ended)] {});
  });
  gathering->done = std::move(done);
  for (size_t i = 0; i < hosts->size(); ++i) {
    const QueuePlan& plan = (*hosts)[i]->plan();
    for (size_t level = 0; level < plan.levels.size(); ++level) {
      if (only[i] && *only[i] != level) {
        continue;
      }
      gathering->answer.levels.push_back({.signal = plan.key.signal,
                                          .index = level,
                                          .name = plan.levels[level].name,
                                          .result = std::string(ResultOf(wish.verb)),
                                          .error = {}});
      if (wish.verb == OperatorVerb::kProbe) {
        ProbeLevel(*(*hosts)[i], level, control, gathering);
        continue;
      }
      if (wish.verb == OperatorVerb::kDrill) {
        BeginDrill(plan, level, wish);
        continue;
      }
      (*hosts)[i]->With([&](queue::SendingQueue& queue) { SetWord(queue, level, wish.verb); });
      options_.log.Unsampled().Info("failover: the operator's word",
                                    {{"connector", wish.connector},
                                     {"signal", otlp::Names(plan.key.signal).name},
                                     {"level", level},
                                     {"destination", plan.levels[level].name},
                                     {"word", ResultOf(wish.verb)}});
    }
  }
  PublishStatus();
  gathering->OneLess();
}

}  // namespace gapless::service
