#include "cli/config/migrate_facts.h"

#include <algorithm>

#include <strings.h>

namespace gapless::cli {
namespace {

constexpr std::string_view kJournalBehind =
    "its room is that of the journal behind: the sending_queue there says how much.";

// The Collector traces itself only if somebody gets the traces.
bool RecordsTraces(const config::Node& traces) {
  const config::Node* level = traces.Find("level");
  const config::Node* processors = traces.Find("processors");
  return processors != nullptr && IsGiven(*processors) &&
         (level == nullptr || ::strcasecmp(level->text().c_str(), "none") != 0);
}

constexpr Fact kFacts[] = {
    {"receivers::otlp", "", Verdict::kBetter,
     "the same protocols, paths, limits and status codes; OK means that the data is stored in the "
     "journal."},
    {"processors::batch", "", Verdict::kBetter,
     "requests are stored first and merged when they are sent: the client does not wait for the "
     "timeout, and nothing lies in a processor when a backend is away."},
    {"*", "sending_queue::storage", Verdict::kBetter,
     "a journal of checksummed segments, synced in groups before the client hears OK."},
    {"*", "sending_queue::block_on_overflow", Verdict::kBetter,
     "true: the client waits for room; false: it hears a retryable error with a delay."},
    {"*", "sending_queue::num_consumers", Verdict::kSame,
     "requests in flight at once; one that waits for its next attempt takes no place."},
    {"*", "retry_on_failure::max_elapsed_time", Verdict::kBetter,
     "the end of a series deletes nothing: the batch goes to another level, or behind the others "
     "(sending_queue::on_expiry: drop deletes as the Collector does)."},
    {"connectors::failover", "", Verdict::kBetter,
     "the queue stands in front of the decision: what a dead level has not confirmed goes to the "
     "next one."},
    {"connectors::failover", "priority_levels", Verdict::kBetter,
     "pipeline IDs, and exporter IDs, too, which the Collector refuses."},
    {"connectors::failover", "retry_gap", Verdict::kBetter,
     "newer Collectors do not start with this key; here it is read, with a warning."},
    {"connectors::failover", "max_retries", Verdict::kBetter,
     "newer Collectors do not start with this key; here it is read, with a warning."},
    {"extensions::file_storage", "", Verdict::kBetter,
     "a journal of its own format; what a Collector left in its files is not read: let it drain "
     "first."},
    {"extensions::health_check", "", Verdict::kBetter,
     "the same page, and it knows the state of every failover."},
    {"extensions::pprof", "", Verdict::kMissing,
     "the page is there and says how to profile a process that is not written in Go."},
    {"connectors::failover", "condition", Verdict::kBetter,
     "error.contains has the effect that it is named for: other failures do not take a level "
     "down."},
    {"connectors::failover", "fall", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "rise", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "hold", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "suspect_after", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "order", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "backfill", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "dead_letter", Verdict::kBetter, kOwnKey},
    {"connectors::failover", "health_check", Verdict::kBetter, kOwnKey},
    {"*", "sending_queue::on_full", Verdict::kBetter, kOwnKey},
    {"*", "sending_queue::on_expiry", Verdict::kBetter, kOwnKey},
    {"extensions::file_storage", "compression", Verdict::kBetter, kOwnKey},
    {"processors::queuebatch", "", Verdict::kBetter,
     "requests are stored first and merged when they are sent: it holds nothing itself."},
    {"processors::queuebatch", "num_consumers", Verdict::kBetter, kJournalBehind},
    {"processors::queuebatch", "queue_size", Verdict::kBetter, kJournalBehind},
    {"processors::queuebatch", "block_on_overflow", Verdict::kBetter, kJournalBehind},
    {"processors::queuebatch", "on_full", Verdict::kBetter, kOwnKey},
    {"processors::queuebatch", "on_expiry", Verdict::kBetter, kOwnKey},
    {"processors::queuebatch", "storage", Verdict::kMissing,
     "no effect here: set it in the sending_queue behind, where the data is.", IsGiven},
    {"processors::queuebatch", "wait_for_result", Verdict::kMissing,
     "no effect here: set it in the sending_queue behind, where the data is.", IsGiven},
    {"service::telemetry", "logs::processors", Verdict::kMissing,
     "own logs are not exported; they go to output_paths.", IsGiven},
    {"service::telemetry", "traces", Verdict::kMissing, "gapless does not trace itself.",
     RecordsTraces},
    {"service::telemetry", "metrics::views", Verdict::kMissing, "views are read without effect.",
     IsGiven},
    {"service::telemetry", "metrics::readers[]::periodic::exporter::console", Verdict::kMissing,
     "nothing is written to the console."},
    {"service::telemetry", "metrics::readers[]::periodic::exporter::otlp::temporality_preference",
     Verdict::kMissing, "own metrics are always sent cumulative.",
     [](const config::Node& value) { return value.text() != "cumulative"; }},
    {"service::telemetry",
     "metrics::readers[]::periodic::exporter::otlp::default_histogram_aggregation",
     Verdict::kMissing, "own histograms have explicit buckets.",
     [](const config::Node& value) { return value.text() != "explicit_bucket_histogram"; }},
    {"service::telemetry", "metrics::address", Verdict::kBetter,
     "newer Collectors do not start with this key; here it is read, with a warning."},
};

}  // namespace

std::span<const Fact> Facts() { return kFacts; }

bool IsGiven(const config::Node& value) {
  constexpr std::string_view kNothing[] = {"", "0", "false", "0s"};
  return !value.list().empty() || !value.map().empty() ||
         (value.is_scalar() && !value.is_null() &&
          std::ranges::find(kNothing, value.text()) == std::end(kNothing));
}

const Fact* FindFact(std::string_view section, std::string_view type, std::string_view key) {
  const Fact* general = nullptr;
  for (const Fact& fact : kFacts) {
    if (fact.key == key && fact.where == "*") {
      general = &fact;
    }
    if (fact.key != key || !fact.where.starts_with(section)) {
      continue;
    }
    const std::string_view of = fact.where.substr(section.size());
    if (of.starts_with("::") && of.substr(2) == type) {
      return &fact;
    }
    if (of == "::*") {
      general = &fact;
    }
  }
  return general;
}

}  // namespace gapless::cli
