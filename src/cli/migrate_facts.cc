#include "cli/migrate_facts.h"

namespace gapless::cli {
namespace {

constexpr Fact kFacts[] = {
    {"receivers::otlp", "", Verdict::kBetter,
     "the same protocols, paths, limits and status codes; OK means that the data is stored in the "
     "journal."},
    {"processors::batch", "", Verdict::kBetter,
     "requests are stored first and merged when they are sent: the client does not wait for the "
     "timeout, and nothing lies in a processor when a backend is away."},
    {"exporters::*", "sending_queue::storage", Verdict::kBetter,
     "a journal of checksummed segments, synced in groups before the client hears OK."},
    {"exporters::*", "sending_queue::block_on_overflow", Verdict::kBetter,
     "true: the client waits for room; false: it hears a retryable error with a delay."},
    {"exporters::*", "sending_queue::num_consumers", Verdict::kSame,
     "requests in flight at once; one that waits for its next attempt takes no place."},
    {"exporters::*", "retry_on_failure::max_elapsed_time", Verdict::kBetter,
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
    {"connectors::failover", "condition", Verdict::kMissing,
     "every failure that speaks against a level counts, whatever its text."},
    {"service::telemetry", "logs::processors", Verdict::kMissing,
     "own logs are not exported; they go to output_paths."},
    {"service::telemetry", "traces", Verdict::kMissing, "gapless does not trace itself."},
    {"service::telemetry", "metrics::views", Verdict::kMissing, "views are read without effect."},
    {"service::telemetry", "metrics::readers[]::periodic::exporter::console", Verdict::kMissing,
     "nothing is written to the console."},
    {"service::telemetry", "metrics::address", Verdict::kBetter,
     "newer Collectors do not start with this key; here it is read, with a warning."},
};

}  // namespace

std::span<const Fact> Facts() { return kFacts; }

const Fact* FindFact(std::string_view section, std::string_view type, std::string_view key) {
  const Fact* general = nullptr;
  for (const Fact& fact : kFacts) {
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
