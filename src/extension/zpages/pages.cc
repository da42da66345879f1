#include "extension/zpages/pages.h"

#include "base/duration_text.h"
#include "extension/zpages/html.h"
#include "telemetry/log.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::extension::zpages {
namespace {

using pipeline::LevelStatus;
using pipeline::QueueStatus;
using pipeline::ServiceStatus;

struct Entry {
  std::string_view path;
  std::string_view title;
  std::string (*render)(const Facts& facts, const ServiceStatus& status);
};

std::string Joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string Seconds(Duration duration) {
  return FormatDuration(std::chrono::floor<std::chrono::seconds>(duration));
}

std::string SignalName(otlp::Signal signal) { return std::string(otlp::Names(signal).name); }

std::string Mebibytes(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

// Time since then, as seen now rather than at the reading.
Duration Age(const Facts& facts, const ServiceStatus& status, Duration at_reading) {
  return at_reading + std::max(facts.now - status.taken, Duration::zero());
}

std::string AgeOfOldest(const Facts& facts, const QueueStatus& queue) {
  return queue.pending.oldest ? Seconds(facts.now - *queue.pending.oldest) : "-";
}

std::string ServicePage(const Facts& facts, const ServiceStatus& status);
std::string PipelinePage(const Facts& facts, const ServiceStatus& status);
std::string FailoverPage(const Facts& facts, const ServiceStatus& status);

std::string ExtensionPage(const Facts& /*facts*/, const ServiceStatus& status) {
  Page page("Extensions");
  page.BeginTable({"Extension"});
  for (const std::string& extension : status.extensions) {
    page.Row({extension});
  }
  page.EndTable();
  return std::move(page).Finish();
}

std::string FeaturePage(const Facts& /*facts*/, const ServiceStatus& /*status*/) {
  Page page("Feature gates");
  page.Sentence("gapless has no feature gates. The flag --feature-gates is read and ignored.");
  return std::move(page).Finish();
}

std::string TracePage(const Facts& /*facts*/, const ServiceStatus& /*status*/) {
  Page page("Traces");
  page.Sentence(
      "gapless does not record traces of its own work. What it does with the data shows in its "
      "metrics, in its log, and on /debug/failoverz.");
  return std::move(page).Finish();
}

constexpr Entry kPages[] = {
    {"/debug/servicez", "Service", ServicePage},
    {"/debug/pipelinez", "Pipelines and queues", PipelinePage},
    {"/debug/failoverz", "Failover", FailoverPage},
    {"/debug/extensionz", "Extensions", ExtensionPage},
    {"/debug/featurez", "Feature gates", FeaturePage},
    {"/debug/tracez", "Traces", TracePage},
};

std::string ServicePage(const Facts& facts, const ServiceStatus& status) {
  Page page("gapless");
  page.Heading("Build");
  page.Sentence(facts.build);
  page.Heading("Runtime");
  page.BeginTable({"", ""});
  const bool started = facts.up_since != WallTime();
  page.Row({"State", facts.ready ? "ready" : "not ready"});
  page.Row({"Uptime", started ? Seconds(facts.now - facts.up_since) : "-"});
  page.Row({"Workers", fmt::to_string(status.workers)});
  page.Row({"Memory of client data", fmt::format("{} of {}", Mebibytes(status.memory_used),
                                                 Mebibytes(status.memory_limit))});
  page.EndTable();
  const std::vector<std::string> degraded = Degraded(status, facts.now);
  page.Heading("Degraded");
  page.Sentence(degraded.empty() ? "Every failover is on its first level." : "");
  for (const std::string& sentence : degraded) {
    page.Sentence(sentence);
  }
  page.Heading("Pages");
  for (const Entry& entry : kPages) {
    page.Link(entry.path, entry.title);
  }
  return std::move(page).Finish();
}

std::string PipelinePage(const Facts& facts, const ServiceStatus& status) {
  Page page("Pipelines and queues");
  page.Heading("Pipelines");
  page.BeginTable({"Pipeline", "Signal", "Receivers", "Processors", "Exporters"});
  for (const pipeline::PipelineStatus& pipe : status.pipelines) {
    page.Row({pipe.id, SignalName(pipe.signal), Joined(pipe.receivers), Joined(pipe.processors),
              Joined(pipe.exporters)});
  }
  page.EndTable();
  page.Heading("Queues");
  page.Sentence(
      "Everything waits in a queue until a destination has confirmed it: one per exporter or "
      "failover connector and signal.");
  page.BeginTable({"Owner", "Signal", "An OK means", "Pending items", "Requests", "Bytes", "Oldest",
                   "Accepted", "Delivered", "Dropped", "Filtered"});
  for (const QueueStatus& queue : status.queues) {
    page.Row({queue.owner + (queue.leaving ? " (leaving)" : ""), SignalName(queue.signal),
              queue.tier, fmt::to_string(queue.pending.items),
              fmt::to_string(queue.pending.requests), fmt::to_string(queue.pending.bytes),
              AgeOfOldest(facts, queue), fmt::to_string(queue.ledger.accepted),
              fmt::to_string(queue.ledger.delivered), fmt::to_string(queue.ledger.dropped),
              fmt::to_string(queue.ledger.filtered)});
  }
  page.EndTable();
  return std::move(page).Finish();
}

void FailoverTables(const Facts& facts, const ServiceStatus& status, const QueueStatus& queue,
                    Page& page) {
  page.Heading(fmt::format("{} ({}){}", queue.owner, SignalName(queue.signal),
                           queue.leaving ? ", leaving" : ""));
  const std::string active =
      queue.active && *queue.active < queue.levels.size()
          ? fmt::format("{} ({})", *queue.active, queue.levels[*queue.active].name)
          : "none is usable";
  page.BeginTable({"Active level", "Since", "Pending items", "Oldest", "Handed over",
                   "Possible duplicates", "Dropped"});
  page.Row({active, Seconds(Age(facts, status, queue.active_since)),
            fmt::to_string(queue.pending.items), AgeOfOldest(facts, queue),
            fmt::to_string(queue.handed_over_items), fmt::to_string(queue.possible_duplicates),
            fmt::to_string(queue.ledger.dropped)});
  page.EndTable();
  page.BeginTable(
      {"Level", "Name", "Exporters", "State", "For", "Operator", "Delivered items", "Last error"});
  for (size_t i = 0; i < queue.levels.size(); ++i) {
    const LevelStatus& level = queue.levels[i];
    page.Row({fmt::to_string(i), level.name, Joined(level.exporters), level.state,
              Seconds(Age(facts, status, level.since)), level.word,
              fmt::to_string(level.delivered_items), level.reason});
  }
  page.EndTable();
}

std::string FailoverPage(const Facts& facts, const ServiceStatus& status) {
  Page page("Failover");
  size_t count = 0;
  for (const QueueStatus& queue : status.queues) {
    if (queue.is_failover) {
      FailoverTables(facts, status, queue, page);
      ++count;
    }
  }
  if (count == 0) {
    page.Sentence("No pipeline uses a failover connector.");
  }
  return std::move(page).Finish();
}

}  // namespace

std::optional<std::string> RenderPage(std::string_view path, const Facts& facts,
                                      const ServiceStatus& status) {
  if (path == "/" || path == "/debug" || path == "/debug/") {
    return ServicePage(facts, status);
  }
  for (const Entry& entry : kPages) {
    if (path == entry.path) {
      return entry.render(facts, status);
    }
  }
  return std::nullopt;
}

}  // namespace gapless::extension::zpages
