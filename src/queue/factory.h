// Factories of exporters and connectors, and what the planner must know of a component's
// configuration.
#pragma once

#include "config/node.h"
#include "journal/journal.h"
#include "pipeline/factory.h"
#include "queue/backlog.h"
#include "routing/router.h"
#include "sending/exporter.h"
#include "sending/settings.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
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

// Opens the journals of one storage extension. Lives as long as the extension's configuration.
class JournalStorage {
 public:
  virtual ~JournalStorage() = default;
  // `name`: "exporter_otlp_primary_traces" and the like. `home`: the journal's loop; called on its
  // thread.
  virtual Result<std::unique_ptr<journal::Journal>> Open(std::string_view name, Loop& home) = 0;
  // Where the journal of this name is, or would be: two of one place are one journal. Thread-safe.
  virtual std::string PlaceOf(std::string_view name) const = 0;
  // What a former configuration left behind: neither open nor one of the names in `claimed`. Reads
  // record headers, so it blocks.
  virtual std::vector<LeftJournal> Left(const std::set<std::string>& claimed) {
    static_cast<void>(claimed);
    return {};
  }
};

struct StorageFactory {
  pipeline::TypeInfo info;
  std::unique_ptr<JournalStorage> (*create)(pipeline::Settings settings,
                                            pipeline::ComponentConfigPtr config) = nullptr;
};

}  // namespace gapless::queue
