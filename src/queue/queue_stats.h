// QueueStats: the metrics of one sending queue, as verbs. Names and labels: telemetry/inventory.h.
#pragma once

#include "journal/journal.h"
#include "queue/admission.h"
#include "queue/backlog.h"
#include "queue/queue_status.h"
#include "routing/router.h"
#include "sending/outcome.h"
#include "telemetry/metrics.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::queue {

// Home loop only; a scrape reads the values from any thread.
class QueueStats {
 public:
  struct Identity {
    std::string name;  // exporter or connector ID
    otlp::Signal signal = otlp::Signal::kTraces;
    bool is_failover = false;
    // What was published of the journal's ledger before: by another queue of this process.
    journal::Ledger published = {};
    uint64_t published_given_up = 0;
  };
  QueueStats(telemetry::Registry& registry, Identity identity);

  // The exporters behind each level, in order of levels and paths.
  struct Level {
    std::string name;
    std::vector<telemetry::Labels> exporters;  // of what each sends
  };
  void SetLevels(const std::vector<Level>& levels);

  void Sent(size_t level, size_t path, uint64_t items);
  // A level of a failover called the items invalid; they may still go elsewhere.
  void RejectedBy(size_t level, uint64_t items, const Status& error);
  void Enqueued(uint64_t items, uint64_t bytes);
  void EnqueueFailed(uint64_t items);
  // `error`: the last one of the items; OK: they met none.
  void Dropped(journal::DropReason reason, uint64_t items, const Status& error);
  void Switched(std::optional<size_t> from, std::optional<size_t> to, std::string_view reason);
  void Transition(size_t level, routing::LevelState state);
  // `to_level`: the level that is active now.
  void HandedOver(std::optional<size_t> to_level, uint64_t items);
  void PossibleDuplicates(uint64_t items);
  void Backfilled(size_t to_level, uint64_t items);
  // Confirmed items that are sent (again) to this level.
  void Repeated(size_t to_level, uint64_t items);
  void BackfillGivenUp(std::string_view reason, uint64_t items);
  void Probed(size_t level, sending::OutcomeClass outcome);
  // A unit was formed as a batch processor asks for: enough was there, or its timer ran out.
  void Merged(const std::string& processor, const Backlog::Taken& taken);
  // Everything that is a level and not an event; called now and then.
  void Publish(const QueueStatus& status, const Admission& admission, WallTime now);

 private:
  telemetry::Labels Base() const;
  void SendFailed(telemetry::Labels exporter, uint64_t items, std::string_view error_type,
                  bool permanent);
  std::string NameOf(std::optional<size_t> level) const;
  void PublishLedger(const journal::Ledger& ledger);
  void PublishFailover(const QueueStatus& status, WallTime now);

  telemetry::Registry& registry_;
  const Identity identity_;
  std::vector<Level> levels_;
  std::vector<std::vector<telemetry::Counter>> sent_;
  // Of one batch processor.
  struct Merging {
    std::string processor;
    telemetry::Histogram size;
    telemetry::Histogram bytes;
    telemetry::Counter by_size;
    telemetry::Counter by_timeout;
    telemetry::Gauge cardinality;
    std::set<MetadataGroups::Key> combinations;  // hashes of metadata, kCombinationsMax at most
  };
  Merging merging_;
  struct QueueMetrics {
    telemetry::Gauge size;
    telemetry::Gauge capacity;
    telemetry::Histogram enqueued_items;
    telemetry::Histogram enqueued_bytes;
  };
  QueueMetrics queue_;
  struct JournalMetrics {
    telemetry::Gauge pending_items;
    telemetry::Gauge pending_bytes;
    telemetry::Gauge pending_requests;
    telemetry::Gauge retained_items;
    telemetry::Gauge retained_bytes;
  };
  JournalMetrics journal_;
  struct FailoverMetrics {
    std::vector<telemetry::Gauge> states;  // by level
    telemetry::Gauge active;
    telemetry::Gauge since;
    telemetry::Gauge backlog_items;
    telemetry::Gauge backlog_bytes;
    telemetry::Gauge oldest_age;
    telemetry::Gauge drain_eta;
    telemetry::Gauge owed_items;
  };
  FailoverMetrics failover_;
  struct Published {
    journal::Ledger ledger;
    uint64_t given_up_for_room = 0;  // debts, in items
    WallTime at{};
  };
  Published published_;
};

}  // namespace gapless::queue
