// What an operator wishes of a failover connector.
#include "config/nearest.h"
#include "service/graph/commands.h"

#include <algorithm>
#include <charconv>

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

// By verb.
constexpr std::string_view kResults[] = {"forced", "drained", "forced", "auto", "probed", "drill"};
constexpr Override kWords[] = {Override::kForced, Override::kDrained, Override::kForced,
                               Override::kAuto};

// A switch means this level alone: what was forced before is no longer.
void SetWord(queue::SendingQueue& queue, size_t level, OperatorVerb verb) {
  queue.SetOverride(level, kWords[static_cast<size_t>(verb)]);
  const auto levels = queue.status().levels;
  for (size_t i = 0; verb == OperatorVerb::kSwitch && i < levels.size(); ++i) {
    if (i != level && levels[i].word == Override::kForced) {
      queue.SetOverride(i, Override::kAuto);
    }
  }
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

Result<std::vector<QueueSet::HostPtr>> QueuesOf(const QueueSet& queues, const OperatorWish& wish) {
  std::vector<QueueSet::HostPtr> hosts;
  std::vector<std::string> known;
  for (const auto& [key, host] : queues.active()) {
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

struct Aim {
  QueueSet::HostPtr queue;
  size_t level = 0;
};

// The levels that are meant.
Result<std::vector<Aim>> AimsOf(const QueueSet& queues, const OperatorWish& wish) {
  ASSIGN_OR_RETURN(const auto hosts, QueuesOf(queues, wish));
  std::vector<Aim> aims;
  for (const QueueSet::HostPtr& host : hosts) {
    std::vector<std::string> names;
    for (const LevelPlan& level : host->plan().levels) {
      names.push_back(level.name);
    }
    std::optional<size_t> only;
    if (wish.level) {
      ASSIGN_OR_RETURN(only, FindLevel(names, *wish.level));
    } else if (wish.verb == OperatorVerb::kDrill) {
      only = host->status().active.value_or(0);
    }
    for (size_t i = only.value_or(0); i < (only ? *only + 1 : names.size()); ++i) {
      aims.push_back({host, i});
    }
  }
  return aims;
}

void BeginDrill(const GraphContext& context, const Senders& senders, const Aim& aim,
                const OperatorWish& wish) {
  const QueuePlan& plan = aim.queue->plan();
  for (const PathPlan& path : plan.levels[aim.level].paths) {
    if (senders.BeginDrill({.exporter = path.exporter, .signal = plan.key.signal}, wish.outage,
                           wish.duration)) {
      context.log.Unsampled().Warn("failover: a drill begins, the destination is played dead",
                                   {{"connector", wish.connector},
                                    {"signal", otlp::Names(plan.key.signal).name},
                                    {"destination", path.exporter.ToString()},
                                    {"for", wish.duration}});
    }
  }
}

}  // namespace

std::optional<OperatorVerb> ParseOperatorVerb(std::string_view name) {
  const auto it = std::ranges::find(kOperatorVerbs, name);
  if (it == std::end(kOperatorVerbs)) {
    return std::nullopt;
  }
  return static_cast<OperatorVerb>(it - std::begin(kOperatorVerbs));
}

Result<size_t> FindLevel(const std::vector<std::string>& names, const std::string& text) {
  if (const auto it = std::ranges::find(names, text); it != names.end()) {
    return static_cast<size_t>(it - names.begin());
  }
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc() && end == text.data() + text.size() && index < names.size()) {
    return index;
  }
  return InvalidArgument(fmt::format("no level \"{}\": the levels are 0 to {}: {}{}", text,
                                     names.size() - 1, fmt::join(names, ", "),
                                     config::NearestHint(text, names)));
}

void Operate(const GraphContext& context, const QueueSet& queues, const Senders& senders,
             const OperatorWish& wish,
             std::move_only_function<void(const Result<OperatorAnswer>&)> done) {
  const auto aims = AimsOf(queues, wish);
  if (!aims.ok()) {
    done(aims.status());
    return;
  }
  net::Worker& control = context.control();
  std::shared_ptr<Gathering> gathering(new Gathering, [&control](Gathering* ended) {
    control.Post([owned = std::unique_ptr<Gathering>(ended)] {});
  });
  gathering->done = std::move(done);
  const std::string_view result = kResults[static_cast<size_t>(wish.verb)];
  for (const Aim& aim : *aims) {
    const QueuePlan& plan = aim.queue->plan();
    const std::string& name = plan.levels[aim.level].name;
    gathering->answer.levels.push_back({.signal = plan.key.signal,
                                        .index = aim.level,
                                        .name = name,
                                        .result = std::string(result),
                                        .error = {}});
    if (wish.verb == OperatorVerb::kProbe) {
      ProbeLevel(*aim.queue, aim.level, control, gathering);
    } else if (wish.verb == OperatorVerb::kDrill) {
      BeginDrill(context, senders, aim, wish);
    } else {
      aim.queue->With([&](queue::SendingQueue& queue) { SetWord(queue, aim.level, wish.verb); });
      context.log.Unsampled().Info("failover: the operator's word",
                                   {{"connector", wish.connector},
                                    {"signal", otlp::Names(plan.key.signal).name},
                                    {"level", aim.level},
                                    {"destination", name},
                                    {"word", result}});
    }
  }
  gathering->OneLess();
}

}  // namespace gapless::service
