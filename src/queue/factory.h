// Factories of exporters and connectors, and what the planner must know of a component's
// configuration.
#pragma once

#include "config/node.h"
#include "journal/budget.h"
#include "journal/journal.h"
#include "pipeline/factory.h"
#include "queue/backlog.h"
#include "routing/router.h"
#include "sending/exporter.h"
#include "sending/settings.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace gapless::queue {

struct ExporterFactory {
  pipeline::TypeInfo info;
  std::unique_ptr<sending::Exporter> (*create)(pipeline::Settings settings,
                                               pipeline::ComponentConfigPtr config) = nullptr;
  sending::DeliverySettings (*delivery)(const pipeline::ComponentConfig& config) = nullptr;
};

// A failover connector as the planner sees it.
struct FailoverPlan {
  struct Entry {
    std::string id;  // exporter ID or pipeline ID, as written
    config::Mark mark;
  };
  std::vector<std::vector<Entry>> levels;
  routing::RouterConfig router;  // without levels
  sending::QueueSettings queue;
  config::WrittenKeys queue_written;  // keys of sending_queue that were written out
  std::optional<Order> order;
  Duration suspect_after = std::chrono::seconds(1);
  std::optional<Entry> dead_letter = std::nullopt;
  std::map<std::string, sending::HealthCheckSettings> health = {};  // by entry of a level
};

struct ConnectorFactory {
  pipeline::TypeInfo info;
  // Null: what comes in goes out to every pipeline that lists the connector as receiver (forward).
  FailoverPlan (*failover)(const pipeline::ComponentConfig& config) = nullptr;
};

// A processor that merges requests is carried out by the readers of the journals behind it.
struct MergingProcessor {
  std::string_view type;
  sending::BatchSettings (*settings)(const pipeline::ComponentConfig& config) = nullptr;
};

// A journal in a storage that no queue has claimed, with records that somebody still needs.
struct LeftJournal {
  std::string name;  // as Open was told
  std::string directory;
  journal::Amount needed;  // pending and owed
};

// Queue files that a Collector may have left for the queue of a journal, as file_storage names
// them.
struct CollectorQueues {
  otlp::Signal signal = otlp::Signal::kTraces;
  std::vector<std::string> files;
};

// A journal that was recovered and belongs to no loop yet. To call once, on its home loop; dropped,
// the journal stays on its disk as it was.
using RecoveredJournal = std::move_only_function<std::unique_ptr<journal::Journal>(Loop& home)>;

// Opens the journals of one storage extension. Lives as long as the extension's configuration.
// Thread-safe.
class JournalStorage {
 public:
  virtual ~JournalStorage() = default;
  // `name`: "exporter_otlp_primary_traces" and the like. What `left` names is moved into the
  // journal first. Blocks, for about a second per GB that is pending. CANCELLED once `stop` was
  // asked for.
  virtual Result<RecoveredJournal> Recover(std::string_view name, const CollectorQueues& left,
                                           std::stop_token stop) = 0;
  // Where the journal of this name is, or would be: two of one place are one journal.
  virtual std::string PlaceOf(std::string_view name) const = 0;
  // What a former configuration left behind: neither open nor one of the names in `claimed`. Reads
  // record headers, so it blocks; with `stop` it gives what was found by then.
  virtual std::vector<LeftJournal> Left(const std::set<std::string>& claimed,
                                        std::stop_token stop) = 0;
};

struct StorageFactory {
  pipeline::TypeInfo info;
  // `memory`: what its journals may hold there, which all storages share; null: no limit.
  std::unique_ptr<JournalStorage> (*create)(pipeline::Settings settings,
                                            pipeline::ComponentConfigPtr config,
                                            std::shared_ptr<journal::Budget> memory) = nullptr;
};

}  // namespace gapless::queue
